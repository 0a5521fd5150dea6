from lessons.judging import Mistake, Network

judge = Network(
    operations=("conv2d", "maxpool2d", "linear", "activation", "softmax_cross_entropy", "reduce", "sgd"),
    layers=("conv2d", "maxpool2d", "activation", "linear"),
    imports=("framework",),
    mistakes=[
        Mistake("layers.linear(x, 10)", "layers.linear(x, 9)", "There are ten digits, so there are ten logits."),
        Mistake(
            "layers.relu(layers.linear(layers.flatten(x), 32))",
            'layers.activation(layers.linear(layers.flatten(x), 32), "tanh")',
            "The activation that you shipped is ReLU alone.",
        ),
        Mistake('"max", window=2', '"avg", window=2', "Average pooling is none of the operations that you shipped."),
    ],
)
