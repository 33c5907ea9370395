"""Small networks of 32×32 photos, each written in one way that people write networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

Forward = Callable[[Any, torch.Tensor], torch.Tensor]


class Steps(nn.Module):
    """A forward pass as one function of the layers it is given by name."""

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name)

    def __init__(self, forward: Forward, **layers: nn.Module | torch.Tensor) -> None:
        super().__init__()
        self.steps = forward
        for name, layer in layers.items():
            if isinstance(layer, nn.Module):
                self.add_module(name, layer)
            else:
                self.register_buffer(name, layer)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return self.steps(self, photos)


def conv(inputs: int = 3, outputs: int = 6, size: int = 3, **options) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, **options)


def norm(width: int, kind: type = nn.BatchNorm2d) -> nn.Module:
    layer = kind(width)
    nn.init.uniform_(layer.running_mean, -1, 1)
    nn.init.uniform_(layer.running_var, 0.5, 2)
    nn.init.uniform_(layer.weight, 0.5, 1.5)
    nn.init.uniform_(layer.bias, -1, 1)
    return layer


def head(width: int = 6) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2))


def around(forward: Forward, **layers: Any) -> Steps:
    """A convolution, then what is to be tried, then a head of six channels."""
    return Steps(
        lambda net, x: net.head(forward(net, F.relu(net.stem(x)))),
        stem=conv(padding=1),
        **{"head": head(), **layers},
    )


def late(net: Steps) -> Steps:
    """The same network, with its layers defined in the opposite order to that of their running."""
    net._modules = dict(reversed(net._modules.items()))
    return net


def in_place(net: Steps, x: torch.Tensor) -> torch.Tensor:
    y = net.stem(x)
    z = F.leaky_relu(y, 0.2, inplace=True).clone()
    z += y
    z[:, 0] = z[:, 1] * 2
    return net.head(z)


def rows_and_columns(net: Steps, x: torch.Tensor) -> torch.Tensor:
    x = F.relu(net.stem(x)).permute(0, 2, 3, 1)
    x = net.mix(torch.roll(x, 3, 1))
    x = torch.stack([x, x.flip(1)]).sum(0).transpose(1, 3)
    first, second = x.chunk(2, 1)
    third = torch.cat([second, first * 2], 1)[:, :, 1:].unsqueeze(1).expand(-1, 2, -1, -1, -1)
    return net.head(third.mean(1))


# Piecewise linear, homogeneous but for biases: relevance is gradient × input.
PIECEWISE_LINEAR: dict[str, Callable[[], nn.Module]] = {
    "activations made in forward": lambda: around(
        lambda net, x: torch.relu(net.second(nn.ReLU()(F.max_pool2d(x, 2)))), second=conv(6, 6)
    ),
    "one pool and one ReLU for all": lambda: Steps(
        lambda net, x: net.out(
            net.act(net.hidden(net.pool(net.act(net.second(net.pool(net.act(net.first(x))))))
                               .flatten(1)))
        ),
        act=nn.ReLU(), pool=nn.MaxPool2d(2), first=conv(3, 4, stride=2, padding=1),
        second=conv(4, 5, padding=1), hidden=nn.Linear(80, 12), out=nn.Linear(12, 2),
    ),
    "maximum before ReLU": lambda: around(
        lambda net, x: F.relu(F.max_pool2d(net.second(x), 3, 2, 1, ceil_mode=True)),
        second=conv(6, 6),
    ),
    "the largest of a whole map, and of a row": lambda: Steps(
        lambda net, x: net.out(net.most(F.relu(net.stem(x))).flatten(1))
        + net.out(F.adaptive_max_pool1d(net.stem(x).flatten(2), 1).flatten(1)),
        stem=conv(), most=nn.AdaptiveMaxPool2d(1), out=nn.Linear(6, 2),
    ),
    "batch normalisation anywhere": lambda: around(
        lambda net, x: net.second(F.relu(net.third(net.first(x)))),
        first=norm(6), second=norm(6), third=conv(6, 6),
        head=nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), norm(6, nn.BatchNorm1d), nn.Linear(6, 2)
        ),
    ),
    "batch normalisation of what something else takes too": lambda: around(
        lambda net, x: (lambda y: net.norm(y) + F.dropout(y, 0.5, net.training))(net.second(x)),
        second=conv(6, 6), norm=norm(6),
    ),
    "a sum with the photo": lambda: Steps(
        lambda net, x: net.head(F.relu(net.second(net.first(x) + x))),
        first=conv(3, 3, padding=1, bias=False), second=conv(3, 6), head=head(),
    ),
    "a weighed sum": lambda: around(
        lambda net, x: torch.sub(torch.add(net.second(x), x, alpha=0.5), x * x.new_tensor(3.0),
                                 alpha=2),
        second=conv(6, 6, padding=1),
    ),
    "no convolution": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 32 * 32, 8), nn.LeakyReLU(), nn.Linear(8, 2)
    ),
    "scale and shift of the photo": lambda: Steps(
        lambda net, x: net.head(F.relu(net.stem(x * 2 - 1))), stem=conv(), head=head()
    ),
    "normalisation inside": lambda: Steps(
        lambda net, x: net.head(F.relu(net.stem((x - net.mean) / 0.25))),
        stem=conv(), head=head(), mean=torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1),
    ),
    "interpolation": lambda: Steps(
        lambda net, x: net.head(
            F.interpolate(F.relu(net.stem(F.interpolate(x, size=20, mode="bilinear"))),
                          scale_factor=2)
        ),
        stem=conv(), head=head(),
    ),
    "dilated, grouped, padded by reflection, transposed": lambda: around(
        lambda net, x: net.up(F.prelu(net.second(x), net.slopes)),
        second=conv(6, 6, dilation=2, groups=3, padding="same", padding_mode="reflect"),
        up=nn.Sequential(nn.ConvTranspose2d(6, 6, 3, stride=2, output_padding=1), norm(6)),
        slopes=torch.rand(6),
    ),
    "layers defined in another order": lambda: late(
        Steps(
            lambda net, x: net.head(F.relu(net.second(F.relu(net.first(x))))),
            first=conv(), second=conv(6, 6), head=head(),
        )
    ),
    "in place": lambda: Steps(in_place, stem=conv(), head=head()),
    "rows and columns": lambda: Steps(
        rows_and_columns, stem=conv(), mix=nn.Linear(6, 6), head=head()
    ),
    "maxima along axes": lambda: around(
        lambda net, x: torch.maximum(net.out(x.amax((2, 3))), net.out(x.max(2)[0].mean(2))),
        out=nn.Linear(6, 2), head=nn.Identity(),
    ),
    "a name that might be invented": lambda: around(
        lambda net, x: net.conv2d_2(x) + net.photo(x), conv2d_2=conv(6, 6), photo=conv(6, 6)
    ),
}  # fmt: skip

# Curved, normalised or gated: DeepLIFT's contributions add up, LRP has its rules.
CURVED: dict[str, Callable[[], nn.Module]] = {
    "group normalisation, ELU": lambda: around(
        lambda net, x: F.elu(net.norm(x)), norm=nn.GroupNorm(2, 6)
    ),
    "instance normalisation": lambda: around(
        lambda net, x: F.selu(net.norm(x)), norm=nn.InstanceNorm2d(6, affine=True)
    ),
    "layer normalisation, channels last": lambda: around(
        lambda net, x: F.gelu(net.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2),
        norm=nn.LayerNorm(6),
    ),
    "tanh-GELU": lambda: around(lambda net, x: F.gelu(x - 0.3, approximate="tanh")),
    "layer scale": lambda: around(
        lambda net, x: x + net.gamma * F.silu(net.second(x)),
        second=conv(6, 6, padding=1), gamma=torch.rand(6, 1, 1),
    ),
    "squeeze and excitation, gate first": lambda: around(
        lambda net, x: torch.sigmoid(net.squeeze(x.mean((2, 3), keepdim=True))) * x,
        squeeze=conv(6, 6, 1),
    ),
    "a gate as large as its signal": lambda: around(
        lambda net, x: F.hardsigmoid(net.gate(x)) * net.signal(x),
        gate=conv(6, 6), signal=conv(6, 6),
    ),
    "selective kernels": lambda: around(
        lambda net, x: (
            torch.stack([net.one(x), net.two(x)], 1)
            * torch.softmax(net.choose(x.mean((2, 3))).unflatten(1, (2, 6)), 1)[..., None, None]
        ).sum(1),
        one=conv(6, 6), two=conv(6, 6), choose=nn.Linear(6, 12),
    ),
    "many activations": lambda: around(
        lambda net, x: (
            F.mish(x) + F.hardswish(x) + F.celu(x) + F.softplus(x) + F.softsign(x)
            + F.logsigmoid(x) + F.hardtanh(x) + F.relu6(x) + torch.tanh(x) + x.clamp(-0.2, 0.4)
            + F.tanhshrink(x) + F.rrelu(x) + F.threshold(x, 0.1, 0.2)
        )
    ),
}  # fmt: skip


def lively(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A network with weights of lasting effect."""
    torch.manual_seed(seed)
    net = make()
    for weight in net.parameters():
        if weight.ndim > 1:
            nn.init.kaiming_normal_(weight)
        elif weight.ndim == 1 and (weight == 0).all():
            nn.init.normal_(weight, std=0.1)
    return net.eval()


def photos(count: int = 2, size: int = 32) -> torch.Tensor:
    torch.manual_seed(1)
    coarse = torch.rand(count, 3, 8, 8)
    return F.interpolate(coarse, (size, size), mode="bilinear") * 4 - 2
