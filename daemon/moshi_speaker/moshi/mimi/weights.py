"""From the tensors of a published file to the parameters of ``Mimi``.

Whatever does not depend on the sound is worked out here, once: matrices as the products read them,
centroids, half squares.
"""

import mlx.core as mx

from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.mimi.conv import conv_matrix, depthwise_taps, transposed_bias, transposed_matrix
from moshi_speaker.moshi.mimi.quantizer import centroids
from moshi_speaker.moshi.mimi.transformer import fold_layer

_LAYERS = "_transformer.transformer.layers."


def parameters_from_published(
    weights: dict[str, mx.array], config: MimiConfig, num_codebooks: int
) -> dict[str, mx.array]:
    """Parameters by path, float32; codebooks beyond ``num_codebooks`` are left out.

    ``weights`` has the names and shapes of ``layout.published_shapes``.
    """
    parameters: dict[str, mx.array] = {}
    for name, value in weights.items():
        if name.startswith("quantizer.") or _LAYERS in name:
            continue
        parameters[name] = _prepared(name, value.astype(mx.float32), weights)
    return parameters | _transformers(weights, config) | _quantizer(weights, num_codebooks)


def _prepared(name: str, value: mx.array, weights: dict[str, mx.array]) -> mx.array:
    if name == "upsample.convtr.convtr.convtr.weight":
        return depthwise_taps(value)
    if name.endswith(".convtr.convtr.weight"):
        return transposed_matrix(value)
    if name.endswith(".convtr.convtr.bias"):
        kernel = weights[name.removesuffix("bias") + "weight"].shape[2]
        return transposed_bias(value, kernel // 2)
    return conv_matrix(value) if name.endswith(".conv.conv.weight") else value


def _transformers(weights: dict[str, mx.array], config: MimiConfig) -> dict[str, mx.array]:
    parameters: dict[str, mx.array] = {}
    for side in ("encoder", "decoder"):
        for i in range(config.transformer.num_layers):
            prefix = f"{side}{_LAYERS}{i}."
            layer = {
                name.removeprefix(prefix): value.astype(mx.float32)
                for name, value in weights.items()
                if name.startswith(prefix)
            }
            folded = fold_layer(layer, config.transformer.num_heads)
            parameters |= {prefix + name: value for name, value in folded.items()}
    return parameters


def _quantizer(weights: dict[str, mx.array], num_codebooks: int) -> dict[str, mx.array]:
    used = {"quantizer.rvq_first": 1, "quantizer.rvq_rest": num_codebooks - 1}
    parameters: dict[str, mx.array] = {}
    for group, count in used.items():
        for side in ("input_proj", "output_proj") if count else ():
            name = f"{group}.{side}.weight"
            parameters[name] = conv_matrix(weights[name].astype(mx.float32))
        for i in range(count):
            published = f"{group}.vq.layers.{i}._codebook"
            sums, usage = weights[f"{published}.embedding_sum"], weights[f"{published}.cluster_usage"]
            points = centroids(sums.astype(mx.float32), usage.astype(mx.float32))
            parameters[f"{group}.codebooks.{i}.centroids"] = points
            parameters[f"{group}.codebooks.{i}.half_squares"] = 0.5 * (points * points).sum(axis=-1)
    return parameters
