"""The adversarial critic: the flow model's first blocks and a convolutional head. Needs torch."""

from __future__ import annotations

from torch import Tensor, nn

from engine.models.conditioning import Conditioner
from engine.models.dit import Conditioning, DiffusionTransformer

GROUPS = 8
LAYERS = 4


class ConvolutionalHead(nn.Module):
    """Four convolutions with group norm and SiLU, then one score for each position.

    "Fast Text-to-Audio Generation with Adversarial Post-Training", section 2.2. The second and
    fourth convolution halve the length (all four would leave nothing of a short sound).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(LAYERS):
            stride = 1 + i % 2
            layers += [
                nn.Conv1d(width, width, 3, stride=stride, padding=1),
                nn.GroupNorm(GROUPS, width),
                nn.SiLU(),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv1d(width, 1, 3, padding=1))

    def forward(self, hidden: Tensor) -> Tensor:
        """Map hidden states (B, L, width) to scores (B, positions)."""
        scores: Tensor = self.layers(hidden.transpose(1, 2))
        return scores[:, 0]


class Discriminator(nn.Module):
    """Score noised latents under a prompt: higher means more like real sound of that prompt.

    Transformer and conditioner are copies of the flow model's; only the first `depth` blocks run.
    """

    def __init__(
        self, transformer: DiffusionTransformer, conditioner: Conditioner, depth: int
    ) -> None:
        super().__init__()
        if not 1 <= depth <= transformer.config.depth:
            raise ValueError(f"depth must be 1..{transformer.config.depth}, got {depth}")
        self.depth = depth
        self.transformer = transformer
        self.conditioner = conditioner
        # The optimiser must not hold state for blocks that never run.
        del transformer.transformer.layers[depth:]
        transformer.transformer.project_out.requires_grad_(False)
        transformer.postprocess_conv.requires_grad_(False)
        self.head = ConvolutionalHead(transformer.config.embed_dim)

    def forward(self, x: Tensor, time: Tensor, conditioning: Conditioning) -> Tensor:
        """Score x (B, C, L), noised to times (B,): (B, positions)."""
        scores: Tensor = self.head(
            self.transformer.hidden_states(x, time, conditioning, self.depth)
        )
        return scores
