"""How many registers a thread of each rung may take, on sm_90 in the shapes of cnn6: a budget, rung by rung.

Registers are given out in steps of 8, so that is how budgets are stated. A change that needs more registers fails its
test; if that is what is wanted, the budget is changed with it, for everyone to see. `python -m kernels inspect` shows
what each rung takes.
"""

REGISTERS = {
    "activation.forward": (16,),
    "activation.backward": (16,),
    "adam.forward": (24,),
    "add.forward": (16,),
    "add.backward": (16,),
    "avgpool2d.forward": (64,),
    "avgpool2d.backward": (64,),
    "batchnorm.statistics": (32, 32, 48),
    "batchnorm.values": (32,),
    "batchnorm.backward": (32, 40, 48),
    "conv2d.forward": (40, 136, 40, 48, 96),
    "conv2d.dx": (48, 40, 48, 96),
    "conv2d.dw": (40, 48, 64, 120),
    "conv2d.db": (32, 40),
    "cross_entropy.forward": (32, 32, 32),
    "cross_entropy.backward": (32,),
    "l2pool2d.forward": (64,),
    "l2pool2d.backward": (72,),
    "focal_loss.forward": (32,),
    "focal_loss.backward": (32,),
    "linear.forward": (32, 32, 72),
    "linear.dx": (32, 32, 72),
    "linear.dw": (32, 32, 56),
    "linear.db": (32, 32),
    "loss.forward": (32, 32, 32),
    "loss.backward": (32,),
    "maxpool2d.forward": (64,),
    "maxpool2d.backward": (80,),
    "normalise.forward": (32,),
    "reduce.forward": (32, 32, 32),
    "reduce.backward": (16,),
    "sgd.forward": (24,),
    "smooth_l1.forward": (32,),
    "smooth_l1.backward": (32,),
    "softmax.forward": (32, 32, 32),
    "softmax.backward": (40, 32, 32),
    "softmax_cross_entropy.forward": (32, 40, 48),
    "softmax_cross_entropy.backward": (32, 32),
    "upsample2d.forward": (40,),
    "upsample2d.backward": (64,),
}
