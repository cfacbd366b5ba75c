"""Names and shapes of the tensors in a published Mimi file (moshi-spec §1.5); pure Python."""

from moshi_speaker.moshi.mimi.config import MimiConfig, QuantizerConfig, SeanetConfig

Shapes = dict[str, tuple[int, ...]]


def published_shapes(config: MimiConfig) -> Shapes:
    """Every tensor of a checkpoint of this shape, all float32: 318 of them for the published one."""
    latent = config.seanet.dimension
    kernel = 2 * config.resample_stride
    shapes = _encoder(config.seanet) | _decoder(config.seanet)
    for side in ("encoder", "decoder"):
        shapes |= _transformer(f"{side}_transformer.transformer", config)
    shapes |= _quantizer("quantizer.rvq_first", latent, config.quantizer, 1)
    shapes |= _quantizer("quantizer.rvq_rest", latent, config.quantizer, config.quantizer.n_q - 1)
    shapes["downsample.conv.conv.conv.weight"] = (latent, latent, kernel)
    shapes["upsample.convtr.convtr.convtr.weight"] = (latent, 1, kernel)
    return shapes


def _conv(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    return {f"{name}.conv.conv.weight": (outputs, inputs, kernel), f"{name}.conv.conv.bias": (outputs,)}


def _conv_transpose(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    weight = {f"{name}.convtr.convtr.weight": (inputs, outputs, kernel)}
    return weight | {f"{name}.convtr.convtr.bias": (outputs,)}


def _residual_block(name: str, width: int, config: SeanetConfig) -> Shapes:
    hidden = width // config.compress
    wide = _conv(f"{name}.block.1", width, hidden, config.residual_kernel_size)
    return wide | _conv(f"{name}.block.3", hidden, width, 1)


def _encoder(config: SeanetConfig) -> Shapes:
    width = config.n_filters
    shapes = _conv("encoder.model.0", 1, width, config.kernel_size)
    index = 1
    for ratio in reversed(config.ratios):
        for _ in range(config.n_residual_layers):
            shapes |= _residual_block(f"encoder.model.{index}", width, config)
            index += 1
        # An activation without tensors stands before every strided and the last convolution.
        shapes |= _conv(f"encoder.model.{index + 1}", width, 2 * width, 2 * ratio)
        index += 2
        width *= 2
    last = _conv(f"encoder.model.{index + 1}", width, config.dimension, config.last_kernel_size)
    return shapes | last


def _decoder(config: SeanetConfig) -> Shapes:
    width = config.n_filters * 2 ** len(config.ratios)
    shapes = _conv("decoder.model.0", config.dimension, width, config.kernel_size)
    index = 1
    for ratio in config.ratios:
        shapes |= _conv_transpose(f"decoder.model.{index + 1}", width, width // 2, 2 * ratio)
        index += 2
        width //= 2
        for _ in range(config.n_residual_layers):
            shapes |= _residual_block(f"decoder.model.{index}", width, config)
            index += 1
    return shapes | _conv(f"decoder.model.{index + 1}", width, 1, config.last_kernel_size)


def _transformer(name: str, config: MimiConfig) -> Shapes:
    width = config.seanet.dimension
    hidden = config.transformer.dim_feedforward
    layer: Shapes = {
        "self_attn.in_proj_weight": (3 * width, width),
        "self_attn.out_proj.weight": (width, width),
        "norm1.weight": (width,),
        "norm1.bias": (width,),
        "norm2.weight": (width,),
        "norm2.bias": (width,),
        "linear1.weight": (hidden, width),
        "linear2.weight": (width, hidden),
        "layer_scale_1.scale": (width,),
        "layer_scale_2.scale": (width,),
    }
    layers = range(config.transformer.num_layers)
    return {f"{name}.layers.{i}.{key}": shape for i in layers for key, shape in layer.items()}


def _quantizer(name: str, latent: int, config: QuantizerConfig, codebooks: int) -> Shapes:
    shapes: Shapes = {
        f"{name}.input_proj.weight": (config.dimension, latent, 1),
        f"{name}.output_proj.weight": (latent, config.dimension, 1),
    }
    for i in range(codebooks):
        codebook = f"{name}.vq.layers.{i}._codebook"
        shapes[f"{codebook}._initialized"] = (1,)
        shapes[f"{codebook}.cluster_usage"] = (config.bins,)
        shapes[f"{codebook}.embedding_sum"] = (config.bins, config.dimension)
    return shapes
