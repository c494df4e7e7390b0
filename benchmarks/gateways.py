"""The gateway as the other benchmarks need it: with settings of their own."""

from pathlib import Path

from benchmarks.servers import make_gateway

MANY = {
    "connections": 1000,
    "connections_per_address": 1000,
    "associations": 1000,
    "associations_per_device": 1000,
}


def make_with_limits(folder: Path, limits: dict[str, int]) -> None:
    """Make a gateway's folder with limits other than the defaults: all devices of a benchmark are one address."""
    make_gateway(folder)
    config = folder / "gateway.toml"
    text = config.read_text(encoding="utf-8")
    lines = "".join(f"{name} = {value}\n" for name, value in limits.items())
    if "[limits]\n" not in text:
        raise ValueError(f"no [limits] in {config}")
    config.write_text(text.replace("[limits]\n", f"[limits]\n{lines}", 1), encoding="utf-8")
