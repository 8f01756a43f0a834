import torch

from dagen import plugins
from tests.methods.shift import BRIGHTER, gap_closed
from tests.toy import context, setting

Coral = plugins.get("methods", "coral")


def test_every_position_of_the_feature_map_is_a_sample() -> None:
    ctx = context()
    losses = Coral(ctx.student, setting(), Coral.Config(weight=3.0)).losses(ctx)

    def covariance(features: torch.Tensor) -> torch.Tensor:
        rows = torch.stack(
            [features[b, :, y, x] for b in range(2) for y in range(8) for x in range(8)]
        )
        return rows.detach().T.double().cov()

    gap = covariance(ctx.source_out.features) - covariance(ctx.target_out.features)
    wanted = 3.0 * gap.square().sum() / (4 * 8**2)
    torch.testing.assert_close(losses["main"].double(), wanted, rtol=1e-4, atol=1e-7)


def test_it_closes_a_gap() -> None:
    assert gap_closed("coral", BRIGHTER, weight=1.0) > 0.4
