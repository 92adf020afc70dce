#!/usr/bin/env python3
"""Records what PyTorch computes for the experiments of this folder: NAME.npz (input, target and every tensor
that `assay trace` writes) and NAME.weights.npz.

    python3 tests/golden/pytorch/record.py        # Debian: python3-torch, python3-yaml, python3-numpy

Data and weights are small whole numbers, and whatever is divided is divided by powers of two: sums are exact in
every order, so that another implementation agrees to the last bit or is wrong. A tensor that does round (where a
logarithm comes in) is not recorded: not all of its doubles are floats.

The files in the repository were recorded with PyTorch 2.15 and NumPy's default_rng(0) for each experiment.
"""
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
import yaml

HERE = pathlib.Path(__file__).parent
ROWS = {"graph": 2, "softmax": 2}  # of the batch; elsewhere 4


def pair(value):
    return [value, value] if isinstance(value, int) else value


def sides(padding, extents, kernel, stride, dilation):
    """[top, bottom, left, right]"""
    if padding in ("valid", None):
        return [0] * 4
    if isinstance(padding, int):
        return [padding] * 4
    if padding == "same":
        result = []
        for n, k, s, d in zip(extents, kernel, stride, dilation):
            total = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
            result += [total // 2, total - total // 2]
        return result
    return padding


def padded(x, layer, kernel, stride, dilation, value=0.0):
    top, bottom, left, right = sides(layer.get("padding"), x.shape[2:], kernel, stride, dilation)
    return F.pad(x, (left, right, top, bottom), value=value)


class Network:
    def __init__(self, experiment, weight):
        self.layers, self.weight = experiment["model"]["layers"], weight
        self.counts, self.outputs, self.statistics = {}, {}, {}

    def __call__(self, x):
        self.counts, self.outputs = {}, {"input": x}
        return self.chain(self.layers, x)

    def chain(self, layers, above):
        for layer in layers:
            kind = layer["type"]
            self.counts[kind] = self.counts.get(kind, 0) + 1
            name = layer.get("name", f"{kind}{self.counts[kind]}")
            inputs = [self.outputs[i] for i in layer.get("inputs", [])] or [above]
            above = self.apply(kind, layer, name, inputs) * 1  # a node of its own, even for the identity
            if above.requires_grad:
                above.retain_grad()
            self.outputs[name] = above
        return above

    def apply(self, kind, layer, name, inputs):
        x = inputs[0]
        tensor = lambda what, shape: self.weight(f"{name}.{what}", shape)
        if kind == "dense":
            bias = tensor("bias", [layer["units"]]) if layer.get("bias", True) else None
            return F.linear(x, tensor("weight", [layer["units"], x.shape[-1]]), bias)
        if kind == "embedding":
            return F.embedding(x, tensor("weight", [layer["count"], layer["units"]]))
        if kind == "conv2d":
            kernel, stride = pair(layer["kernel"]), pair(layer.get("stride", 1))
            dilation, groups = pair(layer.get("dilation", 1)), layer.get("groups", 1)
            bias = tensor("bias", [layer["filters"]]) if layer.get("bias", True) else None
            weight = tensor("weight", [layer["filters"], x.shape[1] // groups, *kernel])
            return F.conv2d(padded(x, layer, kernel, stride, dilation), weight, bias, stride, 0, dilation, groups)
        if kind in ("max_pool2d", "avg_pool2d"):
            size = pair(layer["size"])
            stride = pair(layer.get("stride", size))
            if kind == "max_pool2d":
                return F.max_pool2d(padded(x, layer, size, stride, [1, 1], -math.inf), size, stride)
            average = lambda y: F.avg_pool2d(padded(y, layer, size, stride, [1, 1]), size, stride)
            return average(x) if layer.get("count_padding", False) else average(x) / average(torch.ones_like(x))
        if kind == "batch_norm":
            affine = [tensor(w, [x.shape[1]]) for w in ("weight", "bias")] if layer.get("affine", True) else [None] * 2
            self.statistics[f"{name}.running_mean"] = np.zeros(x.shape[1])
            self.statistics[f"{name}.running_var"] = np.ones(x.shape[1])
            return F.batch_norm(x, None, None, *affine, training=True, eps=layer["epsilon"])
        if kind == "layer_norm":
            shape = list(x.shape[-len(layer.get("axes", x.shape[1:])):])
            affine = [tensor(w, shape) for w in ("weight", "bias")] if layer.get("affine", True) else [None] * 2
            return F.layer_norm(x, shape, *affine, eps=layer["epsilon"])
        if kind == "residual":
            return self.chain(layer["layers"], x) + x
        if kind == "multiply":
            return math.prod(inputs[1:], start=x)
        if kind == "concat":
            return torch.cat(inputs, layer.get("axis", 1))
        return {
            "add": lambda: sum(inputs[1:], start=x),
            "relu": lambda: F.relu(x),
            "identity": lambda: x,
            "dropout": lambda: F.dropout(x, layer["rate"]),
            "leaky_relu": lambda: F.leaky_relu(x, layer["slope"]),
            "softmax": lambda: F.softmax(x, layer.get("axis", -1)),
            "flatten": lambda: x.flatten(1),
            "reshape": lambda: x.reshape(x.shape[0], *layer["shape"]),
            "global_avg_pool": lambda: x.mean((2, 3)),
        }[kind]()


def loss_of(loss, prediction, target):
    loss = loss if isinstance(loss, dict) else {"type": loss}
    bce = F.binary_cross_entropy_with_logits
    return {
        "half_squared_error": lambda: ((prediction - target) ** 2).sum() / (2 * len(target)),
        "mean_squared_error": lambda: F.mse_loss(prediction, target),
        "mean_absolute_error": lambda: F.l1_loss(prediction, target),
        "huber": lambda: F.huber_loss(prediction, target, delta=loss["delta"]),
        "softmax_cross_entropy": lambda: F.cross_entropy(prediction, target, label_smoothing=loss["label_smoothing"]),
        "binary_cross_entropy": lambda: bce(prediction, target, reduction="sum") / len(target),
    }[loss["type"]]()


def random_weight(random, case, name, shape):
    if name.startswith("scores."):  # equal scores, or zeros
        row = random.integers(-2, 3, [1, *shape[1:]]) if case == "classes" else np.zeros([1, *shape[1:]])
        return np.repeat(row, shape[0], axis=0) if len(shape) > 1 else np.zeros(shape)
    return random.integers(-2, 3, shape)


def random_input(random, case, shape):
    if case == "normalization":
        return random.permuted(np.broadcast_to([-1, 3], shape), axis=-1)
    if case == "embedding":
        return random.integers(0, 7, shape)
    if case == "softmax":  # one number per sample
        return np.broadcast_to(random.integers(-3, 4, [shape[0], 1, 1, 1]), shape)
    return random.integers(-3, 4, shape)


def run(experiment, weights, data_input, target):
    leaves = {n: torch.tensor(w, requires_grad=True) for n, w in weights.items()}
    network = Network(experiment, lambda name, shape: leaves[name])
    x = torch.tensor(data_input)
    if experiment["model"]["layers"][0]["type"] != "embedding":
        x = x.double().requires_grad_()
    prediction = network(x)
    y = torch.tensor(target) if target.ndim == 1 else torch.tensor(target).double()
    loss = loss_of(experiment["loss"], prediction, y)
    loss.backward()
    tensors = {"loss": loss, **{n + ".output": o for n, o in network.outputs.items() if n != "input"}, **leaves}
    tensors |= {f"grad/{n}.output": o.grad for n, o in network.outputs.items() if n != "input"}
    tensors |= {f"grad/{n}": w.grad for n, w in leaves.items()}
    if x.requires_grad:
        tensors["grad/input"] = x.grad
    return {n: t.detach().numpy() for n, t in tensors.items() if t is not None} | network.statistics


def record(path):
    experiment, case, random = yaml.safe_load(path.read_text()), path.stem, np.random.default_rng(0)
    rows, weights = ROWS.get(case, 4), {}

    def new_weight(name, shape):
        weights[name] = random_weight(random, case, name, shape).astype(np.float64)
        return torch.tensor(weights[name], requires_grad=True)

    data_input = random_input(random, case, [rows, *experiment["model"]["input"]])
    x = torch.tensor(data_input)
    prediction = Network(experiment, new_weight)(x if case == "embedding" else x.double()).detach().numpy()
    if case == "classes":
        target = random.integers(0, 4, rows)
    elif case == "binary":
        target = random.integers(0, 5, prediction.shape) / 4
    else:  # near the prediction: some differences are 0
        target = np.round(prediction) + random.integers(-2, 3, prediction.shape)
    tensors = run(experiment, weights, data_input, target)
    exact = {n: v for n, v in tensors.items() if np.array_equal(v, v.astype(np.float32))}
    print(f"{case}: {len(exact)} tensors; rounded: {sorted(set(tensors) - set(exact)) or 'none'}")
    np.savez_compressed(HERE / f"{case}.npz", input=data_input, target=target, **exact)
    np.savez_compressed(HERE / f"{case}.weights.npz", **weights)


for experiment_file in sorted(HERE.glob("*.yaml")):
    record(experiment_file)
