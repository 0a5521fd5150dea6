"""Every misprint of docs/errata.md: the printed form fails where the corrected form holds.

The judge is a central difference in float64, or the definition itself; the corrected form is the reference
implementation wherever there is one. The equations that are printed right are in test_equations.py.
"""

import math
from itertools import product

import numpy as np
import pytest

from kernels.operation import ShapeError, find_operation, window_output
from tests.helpers.by_index import (
    PRINTED_FUNCTIONS,
    batchnorm,
    indices,
    kronecker,
    probabilities,
    true_convolution,
    values,
)
from tests.helpers.calculus import Applied, assert_differ, assert_equal, derivative


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x)))


def conv2d(x, w, b=None, **settings):
    return Applied("conv2d", x=x, w=w, b=b, **settings)["y"]


def correlate(image, kernel):
    """The operator * of eq. 24, on two planes: the kernel slides over the image, unrotated."""
    return conv2d(image[None, None], kernel[None, None])[0, 0]


# Zozoulenko (2018), and seed 001 under the same numbers unless errata.md says otherwise


class Dense:
    """A dense layer with tanh, under a loss linear in its output, so that delta is that output's delta-error."""

    R, N, M = 3, 4, 4  # square, as otherwise some printed forms cannot even be evaluated

    def __init__(self):
        self.X, self.W, self.b = values(self.R, self.N), values(self.N, self.M, seed=1), values(self.M, seed=2)
        self.delta = values(self.R, self.M, seed=3)
        self.linear = Applied("linear", x=self.X, w=self.W.T, b=self.b)
        self.Z = self.linear["y"]
        self.slope = 1 - np.tanh(self.Z) ** 2
        self.gradients = self.linear.backward(self.delta * self.slope)

    def loss(self, X, W, b):
        return (self.delta * np.tanh(X @ W + b)).sum()


def test_equation_3_cannot_multiply_weights_of_the_printed_shape():
    X, W = values(3, 4), values(2, 4, seed=1)  # printed: W is N(l+1) x N(l)
    with pytest.raises(ValueError, match="matmul"):
        X @ W
    assert_equal(Applied("linear", x=X, w=W, b=None)["y"], X @ W.T)


def test_equation_13_holds_only_in_the_limit_and_the_central_difference_comes_closer():
    def loss(theta):
        return math.exp(theta)

    theta, h = 0.5, 1e-3
    printed = (loss(theta + h) - loss(theta)) / h
    central = (loss(theta + h) - loss(theta - h)) / (2 * h)
    assert abs(printed - math.exp(theta)) > 0.4 * h * math.exp(theta)  # first order in h
    assert abs(central - math.exp(theta)) < h**2 * math.exp(theta)  # second order


def test_equation_15_as_printed_is_not_the_derivative_and_as_corrected_is():
    d = Dense()
    numeric = derivative(lambda X: d.loss(X, d.W, d.b), d.X)
    printed = np.zeros(d.X.shape)
    for r, i in indices(d.R, d.N):
        with pytest.raises(IndexError):  # the sum up to N(l+1), which no neuron has as its number
            sum(d.delta[r, j] for j in range(d.M + 1))
        printed[r, i] = sum(d.delta[r, j] * d.slope[r, i] * d.W[j, i] for j in range(d.M))
    assert_differ(printed, numeric)
    assert_equal(d.gradients["dx"], numeric)


def test_equation_17_names_two_different_weights_of_which_the_first_is_right():
    d = Dense()
    numeric = derivative(lambda W: d.loss(d.X, W, d.b), d.W)
    last_line = np.zeros(d.W.shape)
    for j, i in indices(d.N, d.M):
        last_line[j, i] = sum(d.delta[r, i] * d.slope[r, i] * d.X[r, j] for r in range(d.R))
    assert_equal(last_line, numeric)  # as the derivative by W[j, i], from j to i like in eq. 1 ...
    assert_differ(last_line.T, numeric)  # ... not by W[i, j], as the line before has it, nor eq. 15's W[to, from]
    assert_equal(d.gradients["dw"].T, numeric)


def test_equation_18_as_printed_is_not_the_derivative_by_a_bias_that_the_layer_shares():
    d = Dense()
    printed = (d.delta * d.slope).sum(axis=0)
    shared = derivative(lambda b: d.loss(d.X, d.W, b), 0.7)  # eq. 1: one number b for the whole layer
    slope = 1 - np.tanh(d.X @ d.W + 0.7) ** 2
    assert_differ((d.delta * slope).sum(axis=0), shared)
    assert_equal((d.delta * slope).sum(), shared)
    assert_equal(printed, derivative(lambda b: d.loss(d.X, d.W, b), d.b))  # right with a bias for every neuron,
    assert_equal(d.gradients["db"], printed)  # which is what we have


def test_figure_9_shows_five_by_five_outputs_or_six_by_six_inputs():
    def size(n):
        return window_output("conv2d", (n, n), (3, 3), (1, 1), (0, 0))

    assert size(7) == (5, 5)  # printed: 4 x 4
    assert size(6) == (4, 4)  # so figure 6 of seed 001


def test_equation_24_as_printed_ignores_the_stride_and_as_corrected_does_not():
    R, C, C_out, K, s = 2, 2, 3, 3, 2
    X, W = values(R, C, 7, 7), values(C_out, C, K, K, seed=1)
    y = conv2d(X, W, stride=(s, s))
    printed, corrected = np.zeros(y.shape), np.zeros(y.shape)
    for r, d, h, w in indices(*y.shape):
        terms = list(indices(C, K, K))
        printed[r, d, h, w] = sum(X[r, c, h + j, w + i] * W[d, c, j, i] for c, j, i in terms)
        corrected[r, d, h, w] = sum(X[r, c, s * h + j, s * w + i] * W[d, c, j, i] for c, j, i in terms)
    assert y.shape[2:] == (3, 3)  # eq. 20-21
    assert_differ(printed, y)
    assert_equal(corrected, y)


def test_equations_25_and_26_as_printed_leave_the_kernel_and_the_stride():
    X, W, s = values(1, 2, 5, 5), values(3, 2, 3, 3, seed=1), 2
    run = Applied("conv2d", x=X, w=W, b=None, stride=(s, s))
    delta = values(*run["y"].shape, seed=2)
    numeric = derivative(lambda X: (delta * conv2d(X, W, stride=(s, s))).sum(), X)

    def equation_26(s, inside_only):
        dx = np.zeros(X.shape)
        for (_, c, h, w), (_, d, h_, w_) in product(np.ndindex(X.shape), np.ndindex(delta.shape)):
            j, i = h - s * h_, w - s * w_
            if not inside_only or (0 <= j < 3 and 0 <= i < 3):
                dx[0, c, h, w] += delta[0, d, h_, w_] * W[d, c, j, i]
        return dx

    with pytest.raises(IndexError):
        equation_26(s=1, inside_only=False)  # W[h - h', w - w'] for every h', as printed
    assert_differ(equation_26(s=1, inside_only=True), numeric)
    assert_equal(equation_26(s=2, inside_only=True), numeric)
    assert_equal(run.backward(delta)["dx"], numeric)


def spread(delta, stride, shape):
    """Delta-errors with stride - 1 zeros between them, and zeros behind, up to the given shape."""
    spread = np.zeros(shape)
    spread[: stride * len(delta) : stride, : stride * delta.shape[1] : stride] = delta
    return spread


def test_equation_27_as_printed_has_neither_padding_nor_stride_and_its_factors_swapped():
    H, K, s = 6, 3, 2
    X, W = values(H, H), values(K, K, seed=1)
    rotated = W[::-1, ::-1]
    for stride in (1, s):
        run = Applied("conv2d", x=X[None, None], w=W[None, None], b=None, stride=(stride, stride))
        delta = values(*run["y"].shape[2:], seed=2)
        dx = run.backward(delta[None, None])["dx"][0, 0]
        between = spread(delta, stride, (H - K + 1, H - K + 1))
        assert_equal(correlate(np.pad(between, K - 1), rotated), dx)  # corrected
        assert_differ(correlate(np.pad(rotated, H - K), between), dx)  # seed 001: the kernel is padded, ...
        assert_equal(correlate(np.pad(rotated, H - K), between)[::-1, ::-1], dx)  # ... and all comes out rotated
        if stride == 1:
            assert correlate(delta, rotated).shape != X.shape  # printed: no padding at all


def test_equation_28_as_printed_adds_up_all_output_channels_and_as_corrected_does_not():
    (R, C, C_out, K, s) = 2, 2, 3, 2, 2
    X, W = values(R, C, 5, 5), values(C_out, C, K, K, seed=1)
    run = Applied("conv2d", x=X, w=W, b=None, stride=(s, s))
    delta = values(*run["y"].shape, seed=2)
    numeric = derivative(lambda W: (delta * conv2d(X, W, stride=(s, s))).sum(), W)

    def equation_28(s, channels):
        dw = np.zeros(W.shape)
        for (d, c, h, w), (r, d_, h_, w_) in product(np.ndindex(W.shape), np.ndindex(delta.shape)):
            if d_ in channels(d):
                dw[d, c, h, w] += X[r, c, s * h_ + h, s * w_ + w] * delta[r, d_, h_, w_]
        return dw

    assert_differ(equation_28(s, channels=lambda d: range(C_out)), numeric)  # the sum over c'
    assert_differ(equation_28(1, channels=lambda d: [d]), numeric)  # the stride
    assert_equal(equation_28(s, channels=lambda d: [d]), numeric)
    assert_equal(run.backward(delta)["dw"], numeric)


def test_equations_35_and_36_as_printed_pay_every_value_of_a_window_and_only_one_window():
    k, s = 3, 2
    X = values(1, 1, 5, 5)
    X[0, 0, 2, 2] = 9  # wins all four windows
    run = Applied("maxpool2d", x=X, window=(k, k), stride=(s, s), padding=(0, 0))
    delta = values(1, 1, 2, 2, seed=1)

    def pooled(X):
        return (delta * Applied("maxpool2d", x=X, window=(k, k), stride=(s, s), padding=(0, 0))["y"]).sum()

    numeric = derivative(pooled, X)
    printed, one_window, corrected = np.zeros(X.shape), np.zeros(X.shape), np.zeros(X.shape)
    for h_, w_, j, i in indices(2, 2, k, k):
        at = (0, 0, h_ * s + j, w_ * s + i)
        printed[at] = delta[0, 0, h_, w_]  # "if h = h's + j, w = w's + i": true of all j and i
        if X[at] == run["y"][0, 0, h_, w_]:
            one_window[at] = delta[0, 0, h_, w_]  # no sum over the windows h', w'
            corrected[at] += delta[0, 0, h_, w_]
    assert_differ(printed, numeric)
    assert_differ(one_window, numeric)
    assert_equal(corrected, numeric)
    assert_equal(run.backward(delta)["dx"], numeric)


def test_equation_39_as_printed_is_not_finite_where_a_channel_is_constant():
    X = np.full((2, 1, 2, 2), 3.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        assert np.isnan((X - X.mean()) * np.float64(X.var()) ** -0.5).all()
    assert_equal(batchnorm(X, [2.0], [1.0], epsilon=1e-5)["y"], np.ones(X.shape))


def test_section_3_2_8_divides_by_the_standard_deviation_and_not_by_the_variance():
    X = 3 * values(4, 1, 3, 3)
    assert_differ(((X - X.mean()) / X.var()).var(), 1)
    assert_equal(batchnorm(X, [1.0], [0.0])["y"].var(), 1)


def test_equation_45_as_printed_sums_over_the_wrong_index():
    a, j = values(4), 2
    for i in range(4):
        printed = sum(a[i] * kronecker(i, j) for j in range(4))
        assert_equal(printed, a[i])  # and not a_j: j is gone
    assert_equal(sum(a[i] * kronecker(i, j) for i in range(4)), a[j])


def test_equation_50_lost_an_index_in_a_term_that_is_zero():
    X = values(2, 3, 2, 2)
    assert_equal((X - X.mean(axis=(0, 2, 3), keepdims=True)).sum(axis=(0, 2, 3)), np.zeros(3))


def test_equation_51_as_printed_is_not_the_derivative_and_as_corrected_is():
    R, C, H, W = 2, 3, 2, 2
    X, gamma, beta, delta = 3 * values(R, C, H, W), values(C, seed=1), values(C, seed=2), values(R, C, H, W, seed=3)
    numeric = derivative(lambda X: (delta * batchnorm(X, gamma, beta)["y"]).sum(), X)

    def equation_51(power):
        dx, n = np.zeros(X.shape), R * H * W
        for r, c, h, w in np.ndindex(X.shape):
            centred, var = X[:, c] - X[:, c].mean(), X[:, c].var()
            last = centred[r, h, w] * var**power * (delta[:, c] * centred).sum()
            dx[r, c, h, w] = gamma[c] * var**-0.5 / n * (n * delta[r, c, h, w] - delta[:, c].sum() - last)
        return dx

    assert_differ(equation_51(power=-1.5), numeric)
    assert_equal(equation_51(power=-1), numeric)
    assert_equal(batchnorm(X, gamma, beta).backward(delta)["dx"], numeric)


def test_equation_55_as_printed_is_zero_whatever_the_loss_and_as_corrected_is_the_derivative():
    X, delta = values(3, 4), values(3, 4, seed=1)
    softmax = Applied("softmax", x=X)
    y = softmax["y"]
    numeric = derivative(lambda X: (delta * Applied("softmax", x=X)["y"]).sum(), X)
    last_line = delta * y * (1 - y.sum(axis=1, keepdims=True))
    assert_equal(last_line, np.zeros(y.shape))
    assert_differ(last_line, numeric)
    fourth, fourth_corrected, third = (np.zeros(y.shape) for _ in range(3))
    twice = Applied("softmax", x=y)["y"]  # exponentials of X(l+1) instead of X(l): softmax of a softmax
    for r, c, k in indices(3, 4, 4):
        fourth[r, c] += delta[r, c] * y[r, k] * (kronecker(k, c) - y[r, c])
        fourth_corrected[r, c] += delta[r, k] * y[r, k] * (kronecker(k, c) - y[r, c])
        third[r, c] += delta[r, k] * twice[r, k] * (kronecker(k, c) - twice[r, c])
    assert_differ(fourth, numeric)
    assert_differ(third, numeric)
    assert_equal(fourth_corrected, numeric)
    assert_equal(softmax.backward(delta)["dx"], numeric)


def test_figure_16_divides_union_by_intersection_which_grows_as_boxes_part():
    def areas(shift):  # two boxes of 4 x 4, one moved aside
        intersection = 4 * (4 - shift)
        return intersection, 32 - intersection

    caption = [union / intersection for intersection, union in map(areas, range(4))]
    equation_58 = [intersection / union for intersection, union in map(areas, range(4))]
    assert caption == sorted(caption)
    assert caption[-1] > 1
    assert equation_58 == sorted(equation_58, reverse=True)
    assert equation_58[0] == 1


def test_equation_60_as_printed_costs_nothing_or_without_end():
    alpha, gamma = 3, 2

    def printed(p, p_hat):
        with np.errstate(divide="ignore", invalid="ignore"):
            return -alpha * (1 - p) ** gamma * p * np.log(np.float64(p_hat))

    def corrected(label, predicted):
        """Of an anchor whose probabilities of background and face the softmax makes 1 - predicted and predicted."""
        x, target = np.log([[1 - predicted, predicted]]), [[1 - label, label]]
        return Applied("focal_loss", x=x, target=target, alpha=alpha, gamma=gamma)["y"][0]

    for predicted in (0.1, 0.5, 0.9):
        assert printed(p=1, p_hat=predicted) == 0  # p the label, as 000 has it: no loss, whatever is predicted
        assert printed(p=0, p_hat=predicted) == 0
        assert printed(p=predicted, p_hat=1) == 0  # p_hat the label, as 001 has it: a face costs nothing, ...
        assert printed(p=predicted, p_hat=0) == np.inf  # ... and background without end
        assert_equal(corrected(1, predicted), -alpha * (1 - predicted) ** gamma * math.log(predicted))
        assert_equal(corrected(0, predicted), -(predicted**gamma) * math.log(1 - predicted))
    losses = [corrected(1, predicted) for predicted in (0.1, 0.5, 0.9)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] > 0
    cross_entropy = Applied("cross_entropy", p=[[0.3, 0.7]], target=[[0, 1]])["y"][0]
    assert_equal(corrected(1, 0.7), alpha * (1 - 0.7) ** gamma * cross_entropy)  # focal loss weighs cross entropy


def test_equation_61_as_printed_divides_by_zero_where_there_is_no_face():
    regression = np.zeros(0)  # no positive anchor, as in a picture without faces
    with np.errstate(invalid="ignore"):
        assert np.isnan(regression.sum() / np.float64(len(regression)))
    assert regression.sum() / max(1, len(regression)) == 0


def test_section_3_3_2_anchors_end_at_406_pixels():
    sizes = [16 * 2 ** (step / 3) for step in range(3 * 5)]  # three sizes on each of the levels P3 to P7
    assert round(sizes[-1]) == 406


# Seed 001, where it differs


def test_seed_001_equation_1_as_printed_takes_its_first_weight_from_row_r():
    X, W, b = values(3, 3), values(3, 1, seed=1), values(1, seed=2)
    z = Applied("linear", x=X, w=W.T, b=b)["y"]
    r = 1
    rest = X[r, 1] * W[1, 0] + X[r, 2] * W[2, 0] + b[0]
    assert_differ(X[r, 0] * W[r, 0] + rest, z[r, 0])
    assert_equal(X[r, 0] * W[0, 0] + rest, z[r, 0])


def test_seed_001_equation_17_as_printed_is_a_number_and_as_corrected_the_derivative():
    y_hat, y = values(2, 3), values(2, 3, seed=1)
    numeric = derivative(lambda p: np.linalg.norm(p - y) ** 2, y_hat)
    assert_differ(2 * np.linalg.norm(y_hat - y), numeric)
    run = Applied("loss", prediction=y_hat, target=y, function="l2")
    assert_equal(run.backward(np.ones(2))["dprediction"], numeric)


def test_seed_001_equation_61_as_printed_has_its_divisors_swapped():
    classification, regression = np.full(100, 0.5), np.zeros(100)
    regression[:4] = 2.0  # four of a hundred anchors hold a face
    N_c, N_r = 100, 4
    assert_differ(regression.sum() / N_c + classification.sum() / N_r, 2.5)
    assert_equal(regression.sum() / N_r + classification.sum() / N_c, 2.5)  # the means that the text describes


# Murugan (2017)


def test_murugan_table_1_sigmoid_slope_as_printed_is_not_the_derivative():
    x = np.linspace(-3, 3, 7)
    f = sigmoid(x)
    numeric = [derivative(PRINTED_FUNCTIONS["sigmoid"], v) for v in x]
    assert_differ(f * (1 - f) ** 2, numeric)
    assert_equal(Applied("activation", x=x, function="sigmoid").backward(np.ones(7))["dx"], numeric)


def test_murugan_table_1_softmax_slope_is_only_the_diagonal():
    X, delta = values(1, 4), values(1, 4, seed=1)
    run = Applied("softmax", x=X)
    y = run["y"]
    jacobian = derivative(lambda X: Applied("softmax", x=X)["y"][0], X[0:1])[:, 0]
    assert_equal(np.diag(jacobian), (y - y**2)[0])
    assert_differ(delta * (y - y**2), delta @ jacobian)
    assert_equal(run.backward(delta)["dx"], delta @ jacobian)


def test_murugan_2_5_as_printed_is_not_zero_for_a_perfect_prediction():
    y = 2 + probabilities(5)
    printed = np.mean((np.log(y + 1) - np.log(y - 1)) ** 2)
    assert printed > 0.1
    assert Applied("loss", prediction=y[None], target=y[None], function="msle")["y"][0] == 0
    with np.errstate(invalid="ignore"):
        assert np.isnan(np.log(probabilities(5) - 1)).all()  # and of a probability it is not even defined


def test_murugan_2_6_is_the_square_of_the_norm_and_not_its_root():
    y, y_hat = values(5), values(5, seed=1)
    norm = np.linalg.norm(y - y_hat)
    loss = Applied("loss", prediction=y_hat[None], target=y[None], function="l2")["y"][0]
    assert_differ(math.sqrt(norm), loss)
    assert_equal(norm**2, loss)


def test_murugan_2_10_and_2_13_as_printed_are_no_probability_and_no_cost():
    for p in (0.2, 0.7):
        printed = {y: p * y * (1 - p) ** (1 - y) for y in (0, 1)}
        corrected = {y: p**y * (1 - p) ** (1 - y) for y in (0, 1)}
        assert_differ(sum(printed.values()), 1)
        assert_equal(sum(corrected.values()), 1)
        for y in (0, 1):
            log_p = y * math.log(p) + (1 - y) * math.log(1 - p)  # eq. 2.12
            assert_differ(-math.log(corrected[y]), log_p)  # eq. 2.13, whose left side should be -log P
            loss = Applied("loss", prediction=[[p]], target=[[y]], function="bce")["y"][0]
            assert_equal(loss, -log_p)


def image_and_kernel():
    """An image of 5 x 6, a kernel of 2 x 3, and delta-errors for the places where the whole kernel fits."""
    return values(5, 6), values(2, 3, seed=1), values(4, 4, seed=2)


def murugan_convolution(image, kernel):
    """Eq. 3.3 with its sum over u, v: C[m, n], for m and n such that no index leaves the image."""
    (U, V), (M, N) = kernel.shape, image.shape
    C = np.zeros((M - U + 1, N - V + 1))
    for m, n in indices(*C.shape):
        C[m, n] = sum(image[m + U - 1 - u, n + V - 1 - v] * kernel[u, v] for u, v in indices(U, V))
    return C


def test_murugan_3_3_and_3_4_as_printed_sum_over_their_own_outputs():
    image, kernel, _ = image_and_kernel()
    (U, V), (M, N) = kernel.shape, image.shape
    printed = np.zeros((U, V))  # what is left free when m and n are summed
    for u, v, m, n in indices(U, V, M, N):
        if m >= u and n >= v:
            printed[u, v] += image[m - u, n - v] * kernel[u, v]
    C = murugan_convolution(image, kernel)
    assert printed.shape != C.shape
    assert_differ(C, correlate(image, kernel))  # minus signs: not the operation of eq. 3.1-3.2 ...
    assert_equal(C, correlate(image, kernel[::-1, ::-1]))  # ... but the true convolution, the kernel rotated
    assert_equal(C, true_convolution(kernel, image)[1:-1, 2:-2])


def test_murugan_3_5_as_printed_takes_the_maximum_of_one_value():
    C = values(4, 4)
    printed = np.array([[max([C[m, n]]) for n in range(4)] for m in range(4)])
    assert_equal(printed, C)
    pooled = Applied("maxpool2d", x=C[None, None])["y"][0, 0]
    assert_equal(pooled, [[C[m : m + 2, n : n + 2].max() for n in (0, 2)] for m in (0, 2)])


def test_murugan_3_6_stretches_to_the_number_of_pixels_and_not_of_maps():
    pooled = (1, 6, 4, 4)  # p x q = 6 maps
    assert find_operation("reshape").shapes(x=pooled, shape=(1, 96)) == {"y": (1, 96)}
    with pytest.raises(ShapeError, match="96"):
        find_operation("reshape").shapes(x=pooled, shape=(1, 6))


def test_murugan_3_7_to_3_9_as_printed_repeat_one_input_and_one_bias():
    a, W, b = values(3), values(3, 3, seed=1), values(3, seed=2)  # w_ij: from j to i, as in eq. 3.10
    z = Applied("linear", x=a[None], w=W, b=b)["y"][0]
    printed = [W[0, 0] * a[0] + W[0, 1] * a[1] + W[0, 2] * a[0] + b[2], *z[1:]]
    assert_differ(printed, z)
    assert_equal(W @ a + b, z)  # eq. 3.10
    assert_differ(W.T @ a + b, z)  # eq. 3.11-3.15 call the same weights w_ji


def test_murugan_3_22_as_printed_multiplies_a_bias_by_the_next_weights():
    a, W1, b1, W2, b2 = (values(3, 3, seed=s) if s in (1, 3) else values(3, seed=s) for s in range(5))
    layer1 = Applied("activation", x=Applied("linear", x=a[None], w=W1, b=b1)["y"], function="sigmoid")["y"]
    y = Applied("activation", x=Applied("linear", x=layer1, w=W2, b=b2)["y"], function="sigmoid")["y"][0]
    assert_differ(sigmoid(W2 @ (sigmoid(W1 @ a + b1) + b2)), y)
    assert_equal(sigmoid(W2 @ sigmoid(W1 @ a + b1) + b2), y)


def bce(p, y):
    """Eq. 2.14 over t training samples."""
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


def test_murugan_3_25_to_3_27_as_printed_sum_over_predictions_that_are_not_concerned():
    y, p = probabilities(4), probabilities(4, seed=1)
    numeric = derivative(lambda p: bce(p, y), p)
    assert_differ(np.full(4, (-y / p + (1 - y) / (1 - p)).mean()), numeric)
    run = Applied("loss", prediction=p[None], target=y[None], function="bce")
    assert_equal(run.backward([1.0])["dprediction"][0], numeric)


class Neuron:
    """The classification layer of eq. 3.28-3.44: t samples of n values a, one sigmoid neuron, binary cross entropy."""

    t, n = 4, 3

    def __init__(self):
        self.a, self.w, self.b, self.y = (
            values(self.t, self.n),
            values(self.n, seed=1),
            0.3,
            probabilities(self.t, seed=2),
        )
        self.p = sigmoid(self.a @ self.w + self.b)
        self.linear = Applied("linear", x=self.a, w=self.w[None], b=[self.b])
        self.output = Applied("activation", x=self.linear["y"], function="sigmoid")
        loss = Applied("loss", prediction=self.output["y"], target=self.y[:, None], function="bce")
        dp = loss.backward(np.full(self.t, 1 / self.t))["dprediction"]
        self.gradients = self.linear.backward(self.output.backward(dp)["dx"])
        self.by_w = derivative(lambda w: bce(sigmoid(self.a @ w + self.b), self.y), self.w)
        self.by_b = derivative(lambda b: bce(sigmoid(self.a @ self.w + b), self.y), self.b)


def test_murugan_3_28_as_printed_averages_twice():
    m = Neuron()
    dloss = (-m.y / m.p + (1 - m.y) / (1 - m.p)) / m.t  # eq. 3.26, its mean included
    by_w = m.a * (m.p * (1 - m.p))[:, None]
    assert_differ((dloss[:, None] * by_w).mean(axis=0), m.by_w)
    assert_equal((dloss[:, None] * by_w).sum(axis=0), m.by_w)


def test_murugan_3_32_to_3_40_as_printed_lose_the_input_and_as_corrected_are_the_derivative():
    m = Neuron()
    to_sigmoid = -m.y / m.p + (1 - m.y) / (1 - m.p)
    slope = m.p * (1 - m.p)
    assert_differ((to_sigmoid * slope).mean(), m.by_w)  # eq. 3.32-3.38
    assert_differ((m.p * (m.p - m.y)).mean(), m.by_w)  # eq. 3.39
    corrected = (m.a * (m.p - m.y)[:, None]).mean(axis=0)
    assert_equal(corrected, m.by_w)
    assert_equal(m.gradients["dw"][0], m.by_w)


def test_murugan_3_42_to_3_44_as_printed_change_the_label_and_lose_the_mean():
    m = Neuron()
    slope = m.p * (1 - m.p)
    assert_differ(((-m.y / m.p + (1 - m.p) / (1 - m.p)) * slope).mean(), m.by_b)  # eq. 3.42: 1 - y_hat
    assert_differ((-m.y / m.p + (1 - m.y) / (1 - m.p) * slope).mean(), m.by_b)  # and without its brackets
    assert_differ(m.p - m.y, m.by_b)  # eq. 3.43: a number for each sample
    assert_equal((m.p - m.y).mean(), m.by_b)
    assert_equal(m.gradients["db"][0], m.by_b)


class Hidden:
    """Eq. 3.45-3.64: a hidden ReLU layer l below the sigmoid neuron, one sample."""

    def __init__(self):
        self.a, self.W, self.b = 0.5 + probabilities(3), values(2, 3, seed=1) ** 2, np.full(2, 0.1)  # so that z > 0
        self.v, self.y = values(2, seed=3), 0.8
        self.lower = Applied("linear", x=self.a[None], w=self.W, b=self.b)
        self.z = self.lower["y"]
        relu = Applied("activation", x=self.z, function="relu")
        upper = Applied("linear", x=relu["y"], w=self.v[None], b=None)
        output = Applied("activation", x=upper["y"], function="sigmoid")
        self.p = output["y"][0, 0]
        loss = Applied("loss", prediction=output["y"], target=[[self.y]], function="bce")
        dz = relu.backward(upper.backward(output.backward(loss.backward([1.0])["dprediction"])["dx"])["dx"])["dx"]
        self.gradients = self.lower.backward(dz)

    def loss(self, a, W, b):
        return bce(sigmoid(self.v @ np.maximum(0, W @ a + b)), np.float64(self.y))


def test_murugan_3_46_to_3_54_as_printed_skip_the_layers_between_and_as_corrected_are_the_derivative():
    m = Hidden()
    numeric = derivative(lambda W: m.loss(m.a, W, m.b), m.W)
    z = m.z[0][:, None]
    assert_differ(-m.y / m.p + (1 - m.y) / (1 - m.p), numeric)  # eq. 3.49-3.51, with the slope 1 of ReLU
    assert_differ((m.y - z) / (z * (1 - z)), numeric)  # eq. 3.53
    assert_equal(np.outer((m.p - m.y) * m.v, m.a), numeric)
    assert_equal(m.gradients["dw"], numeric)


def test_murugan_3_56_to_3_59_as_printed_skip_the_layers_between_and_as_corrected_are_the_derivative():
    m = Hidden()
    numeric = derivative(lambda b: m.loss(m.a, m.W, b), m.b)
    below = m.a[:2]  # z(l-1), as far as it has a value for each neuron of l
    assert_differ(below - m.y, numeric)  # eq. 3.58
    assert_differ(m.z[0] - m.y, numeric)  # nor with l in place of l - 1
    assert_equal((m.p - m.y) * m.v, numeric)
    assert_equal(m.gradients["db"], numeric)


def test_murugan_3_61_to_3_64_as_printed_skip_the_layers_between_and_as_corrected_are_the_derivative():
    m = Hidden()
    numeric = derivative(lambda a: m.loss(a, m.W, m.b), m.a)
    for row in m.W:
        assert_differ((-m.y / m.p + (1 - m.y) / (1 - m.p)) * row, numeric)  # eq. 3.63: one neuron, no slopes
    assert_equal(m.W.T @ ((m.p - m.y) * m.v), numeric)
    assert_equal(m.gradients["dx"][0], numeric)


def test_murugan_3_66_as_printed_equates_maps_of_different_sizes():
    C, dP = values(1, 1, 4, 4), values(1, 1, 2, 2, seed=1)
    run = Applied("maxpool2d", x=C)
    assert C.shape != dP.shape
    dC = run.backward(dP)["dx"]
    assert_equal(dC, derivative(lambda C: (dP * Applied("maxpool2d", x=C)["y"]).sum(), C))
    assert_differ(dC, dP.repeat(2, axis=2).repeat(2, axis=3))  # nor is it plain upsampling


def test_murugan_3_68_to_3_74_as_printed_lose_the_slope_of_the_activation():
    image, kernel, delta = image_and_kernel()
    bias, (U, V) = 0.2, kernel.shape
    Z = murugan_convolution(image, kernel) + bias
    assert (Z < 0).any()
    slope = np.where(Z < 0, 0, 1)
    by_kernel = derivative(lambda k: (delta * np.maximum(0, murugan_convolution(image, k) + bias)).sum(), kernel)
    by_bias = derivative(lambda b: (delta * np.maximum(0, murugan_convolution(image, kernel) + b)).sum(), bias)

    def equation_3_69(delta):
        dk = np.zeros((U, V))
        for u, v, m, n in indices(U, V, *delta.shape):
            dk[u, v] += delta[m, n] * image[m + U - 1 - u, n + V - 1 - v]
        return dk

    assert_differ(equation_3_69(delta), by_kernel)
    assert_equal(equation_3_69(delta * slope), by_kernel)
    assert_differ(delta.sum(), by_bias)  # eq. 3.74
    assert_equal((delta * slope).sum(), by_bias)


def test_murugan_3_70_as_printed_rotates_what_the_indices_have_rotated_already():
    image, kernel, delta = image_and_kernel()
    U, V = kernel.shape
    by_kernel = derivative(lambda k: (delta * murugan_convolution(image, k)).sum(), kernel)
    rotated, printed = image[::-1, ::-1], np.zeros((U, V))
    for u, v, m, n in indices(U, V, *delta.shape):
        printed[u, v] += rotated[m + U - 1 - u, n + V - 1 - v] * delta[m, n]
    assert_differ(printed, by_kernel)
    assert_equal(true_convolution(rotated, delta)[3:5, 3:6], by_kernel)  # eq. 3.71, * the true convolution
    # With the cross-correlation of eq. 3.1-3.2 going forward, nothing is rotated at all.
    run = Applied("conv2d", x=image[None, None], w=kernel[None, None], b=None)
    assert_equal(run.backward(delta[None, None])["dw"][0, 0], correlate(image, delta))


# Seed 003


def test_seed_003_upper_limits_as_printed_run_one_past_the_end():
    X, w = values(4), values(4, seed=1)
    with pytest.raises(IndexError):
        sum(w[c] * X[c] for c in range(4 + 1))
    assert_equal(sum(w[c] * X[c] for c in range(4)), Applied("linear", x=X[None], w=w[None], b=None)["y"][0, 0])


def test_seed_003_equation_8_as_printed_is_a_column_and_as_corrected_the_identity():
    W, Z, b, delta = values(3, 4), values(4, seed=1), values(3, seed=2), values(3, seed=3)
    jacobian = derivative(lambda b: W @ Z + b, b)
    assert_equal(jacobian, np.eye(3))
    assert_differ(delta @ np.ones((3, 1)), delta @ jacobian)
    run = Applied("linear", x=Z[None], w=W, b=b)
    assert_equal(run.backward(delta[None])["db"], delta @ jacobian)
    by_weights = derivative(lambda W: W @ Z + b, W)
    assert by_weights.shape == (3, 3, 4)  # eq. 7 prints a vector of 4
    assert_equal(by_weights, np.einsum("ck,i->cki", np.eye(3), Z))


def test_seed_003_equations_9_and_21_as_printed_run_over_the_size_of_the_input():
    Z, W = values(1, 2, 5, 5), values(1, 2, 3, 3, seed=1)
    with pytest.raises(IndexError):
        sum(W[0, c, y, x] * Z[0, c, y, x] for c, y, x in indices(2, 5, 5))
    assert_equal(sum(W[0, c, y, x] * Z[0, c, y, x] for c, y, x in indices(2, 3, 3)), conv2d(Z, W)[0, 0, 0, 0])


def test_seed_003_equations_10_11_22_and_23_as_printed_have_indices_of_nothing():
    Z, W = values(1, 2, 4, 4), values(2, 2, 2, 3, seed=1)
    by_input = derivative(lambda Z: conv2d(Z, W), Z)[0]
    by_weights = derivative(lambda W: conv2d(Z, W), W)[0]
    for c, y, x in indices(*by_input.shape[:3]):
        for k, v, u in indices(2, 4, 4):
            inside = 0 <= v - y < 2 and 0 <= u - x < 3
            assert_equal(by_input[c, y, x, 0, k, v, u], W[c, k, v - y, u - x] if inside else 0)  # 10, 22 corrected
        for k, v, u in indices(2, 2, 3):
            assert_equal(by_weights[c, y, x, c, k, v, u], Z[0, k, y + v, x + u])  # 11, 23 corrected
    # Printed: W[c, k, y', x'] and Z[k, y* + y', x* + x'], which do not even depend on where the output stands.
    assert_differ(by_weights[0, 0, 0, 0], by_weights[0, 2, 1, 0])
    assert_differ(by_input[0, 0, 0], by_input[0, 2, 1])


def test_seed_003_equation_18_is_no_hadamard_product():
    A, B = values(3, 3), values(3, 3, seed=1)
    assert (A * B).shape == (3, 3)  # the Hadamard product
    assert_equal(sum(A[j, i] * B[j, i] for j, i in indices(3, 3)), np.vdot(A, B))  # eq. 18: Frobenius inner product


def test_seed_003_equation_19_as_printed_is_negative():
    W, Z = 5, 28
    assert W - Z + 1 < 0
    assert window_output("conv2d", (Z, Z), (W, W), (1, 1), (0, 0)) == (Z - W + 1, Z - W + 1)


def test_seed_003_equations_25_26_32_and_33_as_printed_add_the_bias_once_per_weight():
    M, K, b, s = values(1, 2, 5, 5), values(1, 2, 2, 3, seed=1), 0.5, 2
    y = conv2d(M, K, b=[b], stride=(s, s))[0, 0]
    printed, corrected = np.zeros(y.shape), np.zeros(y.shape)
    for h, w in indices(*y.shape):
        for j, i in indices(2, 3):
            products = sum(K[0, c, j, i] * M[0, c, h * s + j, w * s + i] for c in range(2))
            printed[h, w] += products + b
            corrected[h, w] += products
    assert_differ(printed, y)
    assert_equal(printed, y + 5 * b)  # six times instead of once
    assert_equal(corrected + b, y)


def test_seed_003_equation_30_as_printed_leaves_out_the_last_rows_and_columns():
    k, m = values(2, 3), values(4, 5, seed=1)
    full = true_convolution(k, m)
    assert full.shape == (5, 7)
    printed_k_m, printed_m_k = full[:4, :5], full[:2, :3]  # x from 0 to n(m) - 1, or n(k) - 1 with the two swapped
    assert printed_k_m.shape != printed_m_k.shape  # so that eq. 31 cannot hold
    assert np.abs(full[4:]).max() > 0


def numpy_cnn_maxpool_backward(dpool, orig, f, s):
    """Section 4.3 of seed 003 with its inner loop put into the outer, and each statement inside as it stands."""
    dout = np.zeros(orig.shape)
    curr_y = out_y = 0
    while curr_y + f <= orig.shape[0]:
        curr_x = out_x = 0
        while curr_x + f <= orig.shape[1] and curr_y + f <= orig.shape[0]:
            window = orig[curr_y : curr_y + f, curr_x : curr_x + f]
            a, b = np.unravel_index(np.nanargmax(window), window.shape)
            dout[curr_y + a, curr_x + b] = dpool[out_y, out_x]
            curr_x += s
            out_x += 1
            curr_y += s
            out_y += 1
    return dout


@pytest.mark.parametrize("stride", [1, 2])
def test_seed_003_code_maxpool_backward_walks_the_diagonal_and_overwrites(stride):
    orig, window = values(6, 6), 2
    orig[2, 2] = 9  # wins four windows where they overlap
    settings = {"window": (window, window), "stride": (stride, stride)}
    run = Applied("maxpool2d", x=orig[None, None], **settings)
    dpool = values(*run["y"].shape[2:], seed=1)
    numeric = derivative(lambda X: (dpool * Applied("maxpool2d", x=X[None, None], **settings)["y"]).sum(), orig)
    assert_differ(numpy_cnn_maxpool_backward(dpool, orig, window, stride), numeric)
    assert_equal(run.backward(dpool[None, None])["dx"][0, 0], numeric)
    overwritten, added = np.zeros(orig.shape), np.zeros(orig.shape)
    for h, w in np.ndindex(dpool.shape):  # all windows visited, as the code must have been meant
        at = np.unravel_index(run["winner"][0, 0, h, w], orig.shape)
        overwritten[at] = dpool[h, w]
        added[at] += dpool[h, w]
    assert_equal(added, numeric)
    if stride < window:
        assert_differ(overwritten, numeric)
    else:
        assert_equal(overwritten, numeric)  # no overlap, no harm: Numpy-CNN itself pools by 2 with stride 2


# Seed 004


def test_seed_004_equations_1_and_2_as_printed_run_one_past_the_end():
    x, w = values(4, 4), values(2, 2, seed=1)
    with pytest.raises(IndexError):
        sum(x[a, b] * w[a, b] for a, b in indices(2 + 1, 2 + 1))
    y = correlate(x, w)
    for r, c in indices(*y.shape):
        assert_equal(y[r, c], sum(x[r + a, c + b] * w[a, b] for a, b in indices(2, 2)))
    dy = values(3, 3, seed=2)
    dw = Applied("conv2d", x=x[None, None], w=w[None, None], b=None).backward(dy[None, None])["dw"][0, 0]
    for a, b in indices(2, 2):
        assert_equal(dw[a, b], sum(dy[r, c] * x[r + a, c + b] for r, c in indices(3, 3)))


def test_seed_004_convolutions_without_padding_do_shrink():
    assert window_output("conv2d", (32, 32), (5, 5), (1, 1), (0, 0)) == (28, 28)
    assert window_output("conv2d", (32, 32), (5, 5), (1, 1), (2, 2)) == (32, 32)


# The gradients by the input as seed 004 prints them: X of the row, and its terms as O:F, without those by 0.
ROWS_OF_SEED_004 = """
    11 = 11:11
    12 = 11:12 + 12:11
    13 = 12:12
    21 = 11:21 + 21:11
    22 = 11:22 + 12:21 + 21:12 + 22:11
    23 = 12:22 + 22:21
    31 = 21:21
    32 = 21:22 + 22:21
    32 = 21:22 + 22:21
    32 = 22:22
"""


def test_seed_004_gradients_of_the_input_as_printed_have_a_wrong_weight_and_a_row_twice():
    X, F, dO = values(3, 3), values(2, 2, seed=1), values(2, 2, seed=2)
    dX = derivative(lambda X: (dO * correlate(X, F)).sum(), X)
    at = {f"{row + 1}{column + 1}": (row, column) for row, column in indices(3, 3)}
    rows = [line.split(" = ") for line in ROWS_OF_SEED_004.strip().splitlines()]
    names = [name.strip() for name, _ in rows]
    printed = [sum(dO[at[term[:2]]] * F[at[term[3:]]] for term in terms.split(" + ")) for _, terms in rows]
    for name, value in zip(names[:8], printed[:8], strict=True):
        (assert_differ if name == "23" else assert_equal)(dX[at[name]], value)
    assert_equal(dX[1, 2], dO[0, 1] * F[1, 1] + dO[1, 1] * F[0, 1])  # with F12 in its last term
    assert names[7:] == ["32"] * 3
    assert printed[8] == printed[7]
    assert_differ(dX[2, 1], printed[9])
    assert_equal(dX[2, 2], printed[9])  # right but for its name
    run = Applied("conv2d", x=X[None, None], w=F[None, None], b=None)
    assert_equal(run.backward(dO[None, None])["dx"][0, 0], dX)
