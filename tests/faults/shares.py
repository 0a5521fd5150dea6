"""Faults planted in what devices that share a batch compute, and in what they say to each other."""

from tests.faults.fault import Fault
from tests.faults.kernels import cpu, gpu, reference

# ruff: noqa: E501
OPERATIONS = (
    gpu(
        "channel_sums",
        "the mean of a part is one float32",
        "mean = float64(parts[1, c, part]) + float64(parts[2, c, part])",
        "mean = float64(parts[1, c, part] + parts[2, c, part])",
        "means that float32 has exactly",
    ),
    gpu(
        "channel_sums",
        "squares are rounded to float32",
        "square += value * value",
        "square += float64(x[r, c, s] * x[r, c, s])",
        "a mean near zero",
    ),
    gpu(
        "channel_sums",
        "the third part and those after it are left out",
        "for part in range(parts.shape[2]):",
        "for part in range(min(parts.shape[2], 2)):",
        "2 parts",
    ),
    cpu(
        "channel_sums",
        "squares are moved by a mean of float32",
        "sums[1] = n * (var + mean**2)",
        'sums[1] = n * (var + mean.astype("float32") ** 2)',
        "means that float32 has exactly",
    ),
    gpu(
        "batchnorm_of_sums",
        "a variance that rounding leaves below zero stays there",
        "if var < float64(0):",
        "if var < float64(-1):",
        "variances above 0",
    ),
    gpu(
        "batchnorm_of_sums",
        "what remains of the mean is forgotten",
        "low = float32(exact - float64(high))",
        "low = float32(0)",
        "means that float32 has exactly",
    ),
    gpu(
        "batchnorm_of_sums",
        "sums are of this share's values alone",
        "n = count or x.size // x.shape[1]",
        "n = x.size // x.shape[1]",
        "count 0",
    ),
    cpu(
        "batchnorm_of_sums",
        "a variance that rounding leaves below zero stays there",
        "var = np.maximum(sums[1] / n - exact_mean**2, 0)",
        "var = sums[1] / n - exact_mean**2",
        "variances above 0",
    ),
    reference(
        "batchnorm_of_sums",
        "a variance that rounding leaves below zero stays there",
        "(sums[1] / n - mean[0] ** 2).clip(min=0)",
        "sums[1] / n - mean[0] ** 2",
        "variances above 0",
    ),
    gpu(
        "batchnorm_delta",
        "rung 1 divides by the number of this share's values",
        "n = float32(count or x.size // x.shape[1])\n    launch",
        "n = float32(x.size // x.shape[1])\n    launch",
        "count 0",
    ),
    gpu(
        "batchnorm_delta",
        "rung 2 divides by the number of this share's values",
        "n = float32(count or x.size // x.shape[1])\n    fours",
        "n = float32(x.size // x.shape[1])\n    fours",
        "count 0",
    ),
    cpu(
        "batchnorm_delta",
        "what remains of the mean is not taken off the offset",
        "offset = dbeta / n - mean[1] * slope",
        "offset = dbeta / n",
        "means that float32 has exactly",
    ),
    gpu(
        "anchor_counts",
        "one level is counted",
        "[count[(1, pyramid.count), BLOCK]",
        "[count[(1, 1), BLOCK]",
        "1 level",
    ),
    cpu(
        "anchor_counts",
        "the first picture is counted",
        ".sum(axis=0)",
        "[0]",
        "1 picture",
    ),
    cpu(
        "targets_of_counts",
        "a level without faces divides by zero",
        "1 / np.maximum(1, counts)",
        "1 / counts",
        "a face on each level",
    ),
    cpu(
        "targets_of_counts",
        "the classes are always divided by all anchors that take part",
        'ends, share_c if normalise == "anchors" else share_r, share_r',
        "ends, share_c, share_r",
        'normalise "anchors"',
    ),
    cpu(
        "reduce",
        "a part of a mean is divided by its own values",
        "total / ((count or x.size) if",
        "total / (x.size if",
        "count 0",
    ),
    gpu(
        "reduce",
        "rungs 2 and 3 divide a part of a mean by its own values",
        "[1, BLOCK](parts, y, float32(count or x.size))",
        "[1, BLOCK](parts, y, float32(x.size))",
        "count 0",
    ),
    gpu(
        "reduce",
        "the slope of a part of a mean is that of a mean",
        "dx.reshape(-1), float32(count or x.size))",
        "dx.reshape(-1), float32(x.size))",
        "count 0",
    ),
)

FRAMEWORK = (
    Fault(
        "framework/sharing.py",
        "sums are left as each device has them",
        "for name in step.operation.summed]",
        "for name in step.operation.summed[:0]]",
    ),
    Fault(
        "framework/sharing.py",
        "all shares are taken to be as large as this one",
        "values // self.mine * self.whole",
        "values * round(self.whole / self.mine)",
        "even shares",
    ),
    Fault(
        "framework/sharing.py",
        "a mean is divided by the values of the share",
        '"count": share.of_whole(_values(step.arguments["x"]))',
        '"count": _values(step.arguments["x"])',
    ),
    Fault(
        "framework/sharing.py",
        "devices speak after the delta-error, and not before it",
        '        exchange(step, {own[name]: total[name] for name in own}),\n        _step(step, "batchnorm_delta", **{**given, **total}, count=count),\n',
        '        _step(step, "batchnorm_delta", **{**given, **total}, count=count),\n        exchange(step, {own[name]: total[name] for name in own}),\n',
    ),
    Fault(
        "framework/sharing.py",
        "gradients that batch normalization has added up are added up again",
        'total[name] = new(f"d.{step.name}.{name} of all", x.shape[1:2], "float32")',
        "total[name] = own[name]",
    ),
    Fault(
        "framework/sharing.py",
        "a bucket starts when the last of its arrays is there, and not all",
        "step, stop = max(step, there), end if stop is None else stop",
        "step, stop = there, end if stop is None else stop",
        "buckets of one array",
    ),
    Fault(
        "framework/sharing.py",
        "what is left over for the last bucket is not added up",
        "if stop - begin >= size or begin == 0:",
        "if stop - begin >= size:",
        "buckets of one array",
    ),
    Fault(
        "framework/ranks.py",
        "what is left over for the last rank is nobody's",
        "range(count * self.rank // self.size, count * (self.rank + 1) // self.size)",
        "range(count // self.size * self.rank, count // self.size * (self.rank + 1))",
        "even shares",
    ),
    Fault(
        "framework/program.py",
        "a bucket starts before the step that fills it",
        "self.calls.insert(step + 1, ",
        "self.calls.insert(step, ",
    ),
    Fault(
        "framework/program.py",
        "outputs are those of this rank's share",
        "sums = self.ranks.total(np.array([results[name][0] for name in parts]))",
        "sums = np.array([results[name][0] for name in parts])",
    ),
    Fault(
        "framework/program.py",
        "of values that are not finite the first rank's are named, not the first step's",
        "_, rank, place = min(places)",
        "_, rank, place = places[0]",
    ),
)

SHARES: tuple[Fault, ...] = (*OPERATIONS, *FRAMEWORK)
