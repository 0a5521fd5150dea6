from lessons.judging import Mistake, Ship

judge = Ship(
    operation="conv2d",
    always=("b",),
    mistakes=[
        Mistake(
            "top, left = h_out * stride_h - pad_h, w_out * stride_w - pad_w",
            "top, left = h_out - pad_h, w_out - pad_w",
            "That is eq. 24 as it is printed: the stride of eq. 22-23 is missing.",
        ),
        Mistake("total = b[d]", "total = float32(0)", "Nobody adds the bias of the channel."),
        Mistake(
            "if top % stride_h == 0 and left % stride_w == 0:",
            "if True:",
            "With a stride of 2 every other place is between two outputs: no window begins there.",
        ),
    ],
)
