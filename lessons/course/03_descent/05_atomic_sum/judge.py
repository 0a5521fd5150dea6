from lessons.judging import Detect, Mistake


def case(draw):
    R, N = draw.size(1, 80), draw.size(2, 5)
    return {"prediction": draw.normal(R, N), "target": draw.normal(R, N), "loss": draw.uniform(0, 100, N)}


def expected(prediction, target, loss):
    return {"loss": loss + ((target - prediction) ** 2).sum(axis=0)}


def tests(draw):
    prediction, target, loss = (draw.whole(-3, 3, *shape, dtype="float32") for shape in ((30, 4), (30, 4), (4,)))
    return {"prediction": prediction, "target": target, "loss": loss}


judge = Detect(
    case=case,
    expected=expected,
    line="cuda.atomic.add",
    fault="order",
    tests=tests,
    found="in any order",
    mistakes=[
        Mistake("LINE = 18", "LINE = 17", "Each thread has an error of its own, in a register: nobody else sees it."),
        Mistake(
            'KIND = "order"',
            'KIND = "race"',
            "An atomic addition reads, adds and writes as one: none is lost, whoever comes last. So it is no race.",
        ),
        Mistake(
            "    distance = BLOCK // 2\n"
            "    while distance > 0:\n"
            "        total += cuda.shfl_down_sync(0xFFFFFFFF, total, distance)\n"
            "        distance //= 2\n"
            "    if cuda.threadIdx.x == 0:\n"
            "        loss[i] += total\n",
            "    cuda.atomic.add(loss, i, total)\n",
            "There are atomics still, and they come in whatever order threads run. Fewer of them differ less often; "
            "only an order that is fixed never does.",
        ),
        Mistake(
            "    if cuda.threadIdx.x == 0:\n        loss[i] += total",
            "    loss[i] += total",
            "Several threads add to one loss[i], now not even atomically. Let one thread, or one warp, own an "
            "output; of a warp one lane adds.",
        ),
    ],
)
