"""The equations that are printed right, written out index by index as they stand, against the reference.

Each is a second, independent writing: plain Python sums, no NumPy product. docs/equations.md says which test
belongs to which equation; the equations that are printed wrong are in test_errata.py.
"""

import math
from itertools import product

import numpy as np
import pytest

from kernels.operation import window_output
from tests.helpers.by_index import (
    PRINTED_FUNCTIONS,
    batchnorm,
    indices,
    kronecker,
    probabilities,
    true_convolution,
    values,
)
from tests.helpers.calculus import Applied, assert_equal, derivative

# Zozoulenko (2018), and seed 001 under the same numbers


def test_equations_1_to_4_are_the_linear_layer_followed_by_an_activation():
    (R, N, M) = 3, 4, 2
    X, W, b = values(R, N), values(N, M, seed=1), values(M, seed=2)
    Z = np.zeros((R, M))
    for r, j in indices(R, M):
        Z[r, j] = b[j] + sum(X[r, i] * W[i, j] for i in range(N))  # eq. 1
    y = Applied("linear", x=X, w=W.T, b=b)["y"]
    assert_equal(y, Z)
    assert_equal(y, X @ W + b)  # eq. 3
    activated = Applied("activation", x=y, function="sigmoid")["y"]
    for r, j in indices(R, M):
        assert_equal(activated[r, j], 1 / (1 + math.exp(-Z[r, j])))  # eq. 2 and 4


@pytest.mark.parametrize("function", PRINTED_FUNCTIONS)
def test_equations_5_to_7_and_table_1_are_the_activations(function):
    x = np.linspace(-6, 6, 25)
    assert_equal(Applied("activation", x=x, function=function)["y"], [PRINTED_FUNCTIONS[function](v) for v in x])


@pytest.mark.parametrize("function", PRINTED_FUNCTIONS)
def test_equations_29_and_30_work_on_every_value_by_itself(function):
    x, dy = values(2, 3, 2, 2), values(2, 3, 2, 2, seed=1)
    run = Applied("activation", x=x, function=function)
    dx = run.backward(dy)["dx"]
    f = PRINTED_FUNCTIONS[function]
    for index in np.ndindex(x.shape):
        assert_equal(run["y"][index], f(x[index]))  # eq. 29
        assert_equal(dx[index], dy[index] * derivative(f, x[index]))  # eq. 30


def test_equations_8_and_16_are_the_mean_squared_error_and_its_delta_error():
    R, N = 3, 4
    y_hat, y = values(R, N), values(R, N, seed=1)

    def batch_mean(y_hat):
        return Applied("loss", prediction=y_hat, target=y, function="mse")["y"].mean()

    printed = sum((y_hat[r, i] - y[r, i]) ** 2 for r, i in indices(R, N)) / (R * N)
    assert_equal(batch_mean(y_hat), printed)  # eq. 8
    run = Applied("loss", prediction=y_hat, target=y, function="mse")
    assert_equal(run.backward(np.full(R, 1 / R))["dprediction"], 2 / (R * N) * (y_hat - y))  # eq. 16
    assert_equal(derivative(batch_mean, y_hat), 2 / (R * N) * (y_hat - y))


def test_equations_11_and_12_are_a_step_down_the_gradient():
    w, dw, alpha = values(5), values(5, seed=1), 0.1
    run = Applied("sgd", dw=dw, rate=[alpha], norm=[1.0], w=w, velocity=np.zeros(5), momentum=0.0)
    assert_equal(run["w"], [w[i] - alpha * dw[i] for i in range(5)])


def test_equations_20_21_31_and_32_count_the_places_where_a_window_fits():
    for size, k, s, p in product(range(1, 12), range(1, 6), range(1, 5), range(3)):
        places = [top for top in range(0, size + 2 * p, s) if top + k <= size + 2 * p]
        if places:
            assert window_output("conv2d", (size, size), (k, k), (s, s), (p, p)) == (len(places), len(places))
            if (size - k + 2 * p) % s == 0:
                assert len(places) == (size - k + 2 * p) / s + 1


def test_equations_33_and_34_pass_on_the_largest_value_of_each_window():
    R, C, k, s = 2, 3, 3, 2
    X = values(R, C, 7, 5)
    y = Applied("maxpool2d", x=X, window=(k, k), stride=(s, s), padding=(0, 0))["y"]
    assert y.shape == (R, C, 3, 2)
    for r, c, h, w in indices(*y.shape):
        assert y[r, c, h, w] == max(X[r, c, h * s + j, w * s + i] for j, i in indices(k, k))


def test_equations_37_to_42_normalize_every_channel_over_the_batch():
    R, C, H, W, momentum = 2, 3, 2, 3, 0.3
    X, gamma, beta = values(R, C, H, W), values(C, seed=1), values(C, seed=2)
    mean_before, var_before = values(C, seed=3), np.ones(C)
    run = batchnorm(X, gamma, beta, running_mean=mean_before, running_var=var_before, momentum=momentum)
    for c in range(C):
        mu = sum(X[r, c, h, w] for r, h, w in indices(R, H, W)) / (R * H * W)  # eq. 37
        var = sum((X[r, c, h, w] - mu) ** 2 for r, h, w in indices(R, H, W)) / (R * H * W)  # eq. 38
        assert_equal(run["mean"][0, c], mu)
        assert_equal(run["inverse_std"][c], var**-0.5)
        for r, h, w in indices(R, H, W):
            x_hat = (X[r, c, h, w] - mu) * var**-0.5  # eq. 39
            assert_equal(run["y"][r, c, h, w], gamma[c] * x_hat + beta[c])  # eq. 40
        assert_equal(run["running_mean"][c], momentum * mu + (1 - momentum) * mean_before[c])  # eq. 41
        assert_equal(run["running_var"][c], momentum * var + (1 - momentum) * var_before[c])  # eq. 42


def test_equations_43_and_44_are_the_derivative_of_values_by_each_other():
    a = values(4)
    jacobian = derivative(lambda a: a, a)
    for i, j in indices(4, 4):
        assert_equal(jacobian[j, i], kronecker(i, j))


def test_equations_46_to_50_are_the_factors_of_the_batchnorm_derivative():
    R, C, H, W = 2, 2, 1, 2
    n = R * H * W
    X, gamma, beta, delta = values(R, C, H, W), values(C, seed=1), values(C, seed=2), values(R, C, H, W, seed=3)
    axes = (0, 2, 3)

    def mean(X):
        return X.mean(axis=axes)

    def var(X):
        return ((X - X.mean(axis=axes, keepdims=True)) ** 2).mean(axis=axes)

    def normalized(X):
        return (X - X.mean(axis=axes, keepdims=True)) / np.sqrt(X.var(axis=axes, keepdims=True))

    def y(x_hat):
        return gamma[:, None, None] * x_hat + beta[:, None, None]

    mu, sigma2 = mean(X), var(X)
    dy_dxhat = derivative(y, normalized(X))
    dcentred_dx = derivative(lambda X: X - X.mean(axis=axes, keepdims=True), X)
    dvar_dx = derivative(var, X)
    dxhat_dx = derivative(normalized, X)
    for to in np.ndindex(X.shape):
        c_ = to[1]
        assert_equal(dy_dxhat[to][to], gamma[c_])  # eq. 47
        for at in np.ndindex(X.shape):
            r, c, h, w = at
            same = kronecker(to, at)
            assert_equal(dcentred_dx[to][at], same - kronecker(c_, c) / n)  # eq. 49
            dvar = 2 / n * (X[r, c_, h, w] - mu[c_]) * kronecker(c_, c)  # eq. 50
            assert_equal(dvar_dx[c_][at], dvar)
            first = sigma2[c_] ** -0.5 * (same - kronecker(c_, c) / n)
            second = 0.5 * (X[to] - mu[c_]) * sigma2[c_] ** -1.5 * dvar
            assert_equal(dxhat_dx[to][at], first - second)  # eq. 48
    chain = np.zeros(X.shape)
    for at in np.ndindex(X.shape):  # eq. 46
        chain[at] = sum(delta[to] * dy_dxhat[to][to] * dxhat_dx[to][at] for to in np.ndindex(X.shape))
    assert_equal(batchnorm(X, gamma, beta).backward(delta)["dx"], chain)


def test_equations_52_and_53_sum_over_everything_but_the_channel():
    R, C, H, W = 2, 3, 2, 3
    X, gamma, beta, delta = values(R, C, H, W), values(C, seed=1), values(C, seed=2), values(R, C, H, W, seed=3)
    run = batchnorm(X, gamma, beta)
    gradients = run.backward(delta)
    x_hat = (run["y"] - beta[:, None, None]) / gamma[:, None, None]
    for c in range(C):
        dgamma = sum(delta[r, c, h, w] * x_hat[r, c, h, w] for r, h, w in indices(R, H, W))
        assert_equal(gradients["dgamma"][c], dgamma)  # eq. 52
        assert_equal(gradients["dbeta"][c], sum(delta[r, c, h, w] for r, h, w in indices(R, H, W)))  # eq. 53
    assert_equal(gradients["dgamma"], derivative(lambda g: (delta * batchnorm(X, g, beta)["y"]).sum(), gamma))
    assert_equal(gradients["dbeta"], derivative(lambda b: (delta * batchnorm(X, gamma, b)["y"]).sum(), beta))


def test_equation_54_turns_rows_into_probabilities():
    X = values(3, 4)
    y = Applied("softmax", x=X)["y"]
    for r, c in indices(3, 4):
        assert_equal(y[r, c], math.exp(X[r, c]) / sum(math.exp(X[r, k]) for k in range(4)))


def test_equations_56_and_57_are_cross_entropy_and_its_delta_error():
    R, C = 3, 4
    y_hat, y = probabilities(R, C), probabilities(R, C, seed=1)
    run = Applied("cross_entropy", p=y_hat, target=y)
    assert_equal(run["y"].sum(), -sum(y[r, c] * math.log(y_hat[r, c]) for r, c in indices(R, C)))  # eq. 56
    dp = run.backward(np.ones(R))["dp"]
    assert_equal(dp, -y / y_hat)  # eq. 57
    assert_equal(dp, derivative(lambda p: -(y * np.log(p)).sum(), y_hat))


def test_equations_54_to_57_in_one_are_the_fused_loss():
    R, C = 3, 4
    X, y, dy = values(R, C), probabilities(R, C, seed=1), values(R, seed=2)
    softmax = Applied("softmax", x=X)
    entropy = Applied("cross_entropy", p=softmax["y"], target=y)
    fused = Applied("softmax_cross_entropy", x=X, target=y)
    assert_equal(fused["y"], entropy["y"])
    assert_equal(fused.backward(dy)["dx"], softmax.backward(entropy.backward(dy)["dp"])["dx"])


def test_equation_59_is_a_parabola_that_goes_on_as_straight_lines():
    def printed(x):
        return 0.5 * x**2 if abs(x) < 1 else abs(x) - 0.5

    r, r_hat, positive = 2 * values(6, 4), 2 * values(6, 4, seed=1), [1, 0, 1, 1, 0, 1]
    run = Applied("smooth_l1", prediction=r, target=r_hat, weight=positive)
    slopes = run.backward(np.ones(6))["dprediction"]
    for a in range(6):
        assert_equal(run["y"][a], positive[a] * sum(printed(r[a, i] - r_hat[a, i]) for i in range(4)))
        for i in range(4):
            assert_equal(slopes[a, i], positive[a] * derivative(printed, r[a, i] - r_hat[a, i]))


# Seed 001, where it differs


def test_seed_001_equation_8_is_the_squared_norm_of_the_error():
    y_hat, y = values(2, 3), values(2, 3, seed=1)
    losses = Applied("loss", prediction=y_hat, target=y, function="l2")["y"]
    assert_equal(losses.sum(), np.linalg.norm(y_hat - y) ** 2)


# Murugan (2017)

PRINTED_LOSSES = {
    "mse": lambda y, p: sum((a - b) ** 2 for a, b in zip(y, p, strict=True)) / len(y),  # eq. 2.4
    "l2": lambda y, p: sum((a - b) ** 2 for a, b in zip(y, p, strict=True)),  # eq. 2.6
    "l1": lambda y, p: sum(abs(a - b) for a, b in zip(y, p, strict=True)),  # eq. 2.7
    "mae": lambda y, p: sum(abs(a - b) for a, b in zip(y, p, strict=True)) / len(y),  # eq. 2.8
    "mape": lambda y, p: sum(abs((a - b) / a) for a, b in zip(y, p, strict=True)) / len(y) * 100,  # eq. 2.9
    "bce": lambda y, p: (  # eq. 2.14
        -sum(a * math.log(b) + (1 - a) * math.log(1 - b) for a, b in zip(y, p, strict=True)) / len(y)
    ),
}


@pytest.mark.parametrize("function", PRINTED_LOSSES)
def test_murugan_2_4_to_2_14_are_the_losses(function):
    y, y_hat = probabilities(5), probabilities(5, seed=1)
    run = Applied("loss", prediction=y_hat[None], target=y[None], function=function)
    assert_equal(run["y"][0], PRINTED_LOSSES[function](y, y_hat))
    slope = derivative(lambda p: PRINTED_LOSSES[function](y, p), y_hat)
    assert_equal(run.backward([1.0])["dprediction"][0], slope)


def test_murugan_2_11_and_2_12_are_one_logarithm():
    for y, p in zip(probabilities(5), probabilities(5, seed=1), strict=True):
        assert_equal(math.log(p**y * (1 - p) ** (1 - y)), y * math.log(p) + (1 - y) * math.log(1 - p))


def test_murugan_section_2_3_pools_by_mean_and_by_norm():
    X, k, s = values(2, 3, 5, 7), 3, 2
    settings = {"window": (k, k), "stride": (s, s), "padding": (0, 0)}
    mean, norm = (Applied(name, x=X, **settings)["y"] for name in ("avgpool2d", "l2pool2d"))
    for r, c, h, w in indices(*mean.shape):
        window = [X[r, c, h * s + j, w * s + i] for j, i in indices(k, k)]
        assert_equal(mean[r, c, h, w], sum(window) / k**2)
        assert_equal(norm[r, c, h, w], math.sqrt(sum(v**2 for v in window)))


def test_murugan_3_1_and_3_2_slide_the_kernel_over_the_image():
    image, kernel = values(1, 3, 5, 6), values(1, 3, 3, 2, seed=1)
    y = Applied("conv2d", x=image, w=kernel, b=None)["y"]
    for i, j in indices(*y.shape[2:]):
        assert_equal(y[0, 0, i, j], sum(kernel[0, c, m, n] * image[0, c, i + m, j + n] for m, n, c in indices(3, 2, 3)))


def test_murugan_3_11_to_3_21_are_the_dense_layer():
    a, w, b = values(4), values(4, 3, seed=1), values(3, seed=2)
    z = Applied("linear", x=a[None], w=w.T, b=b)["y"][0]
    for j in range(3):
        assert_equal(z[j], sum(w[i, j] * a[i] for i in range(4)) + b[j])  # eq. 3.11, 3.12
    assert_equal(z, w.T @ a + b)  # eq. 3.15
    assert_equal(Applied("activation", x=z, function="sigmoid")["y"], [PRINTED_FUNCTIONS["sigmoid"](v) for v in z])


def test_murugan_3_36_and_3_52_are_the_slopes_of_sigmoid_and_relu():
    z = values(6)
    sigma = Applied("activation", x=z, function="sigmoid")
    assert_equal(sigma.backward(np.ones(6))["dx"], sigma["y"] * (1 - sigma["y"]))
    relu = Applied("activation", x=z, function="relu")
    assert_equal(relu.backward(np.ones(6))["dx"], [0 if v < 0 else 1 for v in z])


def test_murugan_3_67_and_3_72_are_the_chain_rule_of_the_convolution():
    image, kernel, bias, dC = (
        values(1, 1, 4, 5),
        values(1, 1, 2, 3, seed=1),
        values(1, seed=2),
        values(1, 1, 3, 3, seed=3),
    )

    def C(kernel, bias):
        return Applied("conv2d", x=image, w=kernel, b=bias)["y"]

    gradients = Applied("conv2d", x=image, w=kernel, b=bias).backward(dC)
    by_kernel, by_bias = derivative(lambda k: C(k, bias), kernel), derivative(lambda b: C(kernel, b), bias)
    dk = sum(dC[0, 0, m, n] * by_kernel[0, 0, m, n] for m, n in indices(3, 3))
    db = sum(dC[0, 0, m, n] * by_bias[0, 0, m, n] for m, n in indices(3, 3))
    assert_equal(gradients["dw"], dk)
    assert_equal(gradients["db"], db)
    assert_equal(db, dC.sum())


# Seed 003


def test_seed_003_equations_1_to_5_are_the_linear_layer_and_its_derivatives():
    Z, W, b = values(4), values(3, 4, seed=1), values(3, seed=2)

    def forward(Z, W, b):
        return Applied("linear", x=Z[None], w=W, b=b)["y"][0]

    for c in range(3):
        assert_equal(forward(Z, W, b)[c], sum(W[c, k] * Z[k] for k in range(4)) + b[c])  # eq. 1
    assert_equal(derivative(lambda Z: forward(Z, W, b), Z), W)  # eq. 2, and 6
    by_weights = derivative(lambda W: forward(Z, W, b), W)
    by_bias = derivative(lambda b: forward(Z, W, b), b)
    for c in range(3):
        assert_equal(by_weights[c, c], Z)  # eq. 3
        assert_equal(by_bias[c, c], 1)  # eq. 4
    assert_equal(forward(Z, W, b), W @ Z + b)  # eq. 5


def test_seed_003_equations_14_to_17_are_dense_layer_softmax_and_likelihood():
    X, W, b = values(1, 4), values(4, 3, seed=1), values(3, seed=2)
    z = Applied("linear", x=X, w=W.T, b=b)["y"]
    assert_equal(Applied("activation", x=z, function="relu")["y"], np.maximum(0, z))
    assert_equal(Applied("activation", x=z, function="arctan")["y"], [[math.atan(v) for v in z[0]]])
    p = Applied("softmax", x=z)["y"]
    for i in range(3):
        assert_equal(p[0, i], math.exp(z[0, i]) / sum(math.exp(v) for v in z[0]))  # eq. 16
        target = np.eye(3)[[i]]
        assert_equal(Applied("cross_entropy", p=p, target=target)["y"][0], -math.log(p[0, i]))  # eq. 17
        assert_equal(Applied("softmax_cross_entropy", x=z, target=target)["y"][0], -math.log(p[0, i]))


def test_seed_003_equations_18_and_20_are_one_output_of_the_convolution():
    A, B = values(3, 3), values(3, 3, seed=1)
    y = Applied("conv2d", x=A[None, None], w=B[None, None], b=None)["y"]
    assert_equal(y, sum(A[j, i] * B[j, i] for j, i in indices(3, 3)))


def test_seed_003_equations_12_and_24_one_bias_moves_every_output_by_as_much():
    x, w, b = values(1, 2, 4, 4), values(1, 2, 3, 3, seed=1), values(1, seed=2)
    assert_equal(derivative(lambda b: Applied("conv2d", x=x, w=w, b=b)["y"], b), np.ones((1, 1, 2, 2, 1)))


def test_seed_003_equations_28_to_31_the_true_convolution_commutes_and_is_ours_with_the_kernel_rotated():
    k, m = values(2, 3), values(4, 5, seed=1)
    assert_equal(true_convolution(k, m), true_convolution(m, k))  # eq. 31
    assert_equal(true_convolution(k[:1], m[:1])[0], np.convolve(k[0], m[0]))  # eq. 28
    rotated = k[::-1, ::-1]
    y = Applied("conv2d", x=m[None, None], w=rotated[None, None], b=None, padding=(1, 2))["y"]
    assert_equal(y[0, 0], true_convolution(k, m))


def numpy_cnn_convolution(image, filt, bias, s):
    """Section 4.1 of seed 003, its loops as printed."""
    n_f, _, f, _ = filt.shape
    in_dim = image.shape[1]
    out_dim = int((in_dim - f) / s) + 1
    out = np.zeros((n_f, out_dim, out_dim))
    for curr_f, out_y, out_x in indices(n_f, out_dim, out_dim):
        patch = image[:, out_y * s : out_y * s + f, out_x * s : out_x * s + f]
        out[curr_f, out_y, out_x] = np.sum(filt[curr_f] * patch) + bias[curr_f]
    return out


def numpy_cnn_convolution_backward(dconv_prev, conv_in, filt, s):
    """Section 4.3 of seed 003, its sums as printed."""
    f = filt.shape[2]
    dout, dfilt = np.zeros(conv_in.shape), np.zeros(filt.shape)
    for curr_f, out_y, out_x in np.ndindex(dconv_prev.shape):
        rows, columns = slice(out_y * s, out_y * s + f), slice(out_x * s, out_x * s + f)
        dfilt[curr_f] += dconv_prev[curr_f, out_y, out_x] * conv_in[:, rows, columns]
        dout[:, rows, columns] += dconv_prev[curr_f, out_y, out_x] * filt[curr_f]
    return dout, dfilt, dconv_prev.sum(axis=(1, 2))


@pytest.mark.parametrize("stride", [1, 2])
def test_seed_003_code_convolves_as_we_do(stride):
    image, filt, bias = values(2, 6, 6), values(3, 2, 3, 3, seed=1), values(3, seed=2)
    run = Applied("conv2d", x=image[None], w=filt, b=bias, stride=(stride, stride))
    assert_equal(run["y"][0], numpy_cnn_convolution(image, filt, bias, stride))
    dy = values(*run["y"].shape, seed=3)
    gradients = run.backward(dy)
    dout, dfilt, dbias = numpy_cnn_convolution_backward(dy[0], image, filt, stride)
    assert_equal(gradients["dx"][0], dout)
    assert_equal(gradients["dw"], dfilt)
    assert_equal(gradients["db"], dbias)


# Seed 004


def test_seed_004_output_sizes_and_parameters_are_as_in_its_examples():
    def size(n, f, s, p=0):
        return window_output("conv2d", (n, n), (f, f), (s, s), (p, p))[0]

    assert size(7, 3, 1) == 5
    assert size(7, 3, 2) == 3
    assert size(7, 3, 3, p=1) == 3
    assert size(7, 3, 3) == 2  # 2.33 in the slides: "not possible". Here the last columns stay unused.
    assert size(32, 5, 1) == 28
    F, D1, K = 5, 3, 6
    assert values(K, D1, F, F).size + K == F * F * D1 * K + K


def test_seed_004_error_is_binary_cross_entropy():
    t, y = probabilities(1, 1), probabilities(1, 1, seed=1)
    error = -(t * np.log(y) + (1 - t) * np.log(1 - y))
    assert_equal(Applied("loss", prediction=y, target=t, function="bce")["y"], error[0])


def test_seed_004_gradients_of_the_weights_are_as_listed():
    X, F, dO = values(3, 3), values(2, 2, seed=1), values(2, 2, seed=2)
    dF = Applied("conv2d", x=X[None, None], w=F[None, None], b=None).backward(dO[None, None])["dw"][0, 0]
    assert_equal(dF[0, 0], dO[0, 0] * X[0, 0] + dO[0, 1] * X[0, 1] + dO[1, 0] * X[1, 0] + dO[1, 1] * X[1, 1])
    assert_equal(dF[0, 1], dO[0, 0] * X[0, 1] + dO[0, 1] * X[0, 2] + dO[1, 0] * X[1, 1] + dO[1, 1] * X[1, 2])
    assert_equal(dF[1, 0], dO[0, 0] * X[1, 0] + dO[0, 1] * X[1, 1] + dO[1, 0] * X[2, 0] + dO[1, 1] * X[2, 1])
    assert_equal(dF[1, 1], dO[0, 0] * X[1, 1] + dO[0, 1] * X[1, 2] + dO[1, 0] * X[2, 1] + dO[1, 1] * X[2, 2])
    assert_equal(dF[None, None], Applied("conv2d", x=X[None, None], w=dO[None, None], b=None)["y"])


def test_seed_004_upsampling_hands_the_error_of_a_window_to_its_largest_value():
    X, delta = values(1, 1, 4, 4), values(1, 1, 2, 2, seed=1)
    run = Applied("maxpool2d", x=X)
    assert_equal(run.backward(delta)["dx"], derivative(lambda X: (delta * Applied("maxpool2d", x=X)["y"]).sum(), X))
