"""Profile pages of naive and best softmax, transpose and matmul, and their pictures for the docs.

    python benchmarks/profile_pages.py OUT [--kernels softmax transpose matmul] [--seconds 45] [--reuse] [--pictures]

Searches for the best kernels as a user would (`kernelevo optimize`, to OUT/best), then writes OUT/KERNEL_start.html,
OUT/KERNEL_best.html and OUT/KERNEL_compared.html. `--pictures` also draws each page with Chromium at desktop width
(and one at the width of a phone) and writes docs/pictures/*.png; it needs `chromium` and the package Pillow, which
trims the pictures and reduces them to a palette.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 300_000
DESKTOP, PHONE = (1280, 4200), (390, 4200)


def main() -> int:
    options = read_options()
    if options.pictures and (missing := missing_for_pictures()):
        print(f"--pictures needs {missing}; install it, or leave the option out", file=sys.stderr)
        return 2
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "kernels", out / "kernels", dirs_exist_ok=True)
    for kernel in options.kernels:
        write_pages(kernel, out, options)
    if not options.pictures:
        return 0
    return max(draw_all(kernel, out) for kernel in options.kernels)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the pages")
    parser.add_argument("--kernels", nargs="+", default=["softmax", "transpose", "matmul"])
    parser.add_argument("--device", default="virtual:h100")
    parser.add_argument("--seconds", type=float, default=45.0, help="search time per kernel")
    parser.add_argument("--reuse", action="store_true", help="take the best kernels that an earlier run left in OUT")
    parser.add_argument("--pictures", action="store_true", help="draw docs/pictures/*.png as well")
    return parser.parse_args()


def missing_for_pictures() -> str:
    """What drawing needs and is not there; empty if nothing."""
    if shutil.which("chromium") is None:
        return "chromium"
    return "" if importlib.util.find_spec("PIL") else "the package pillow"


def write_pages(kernel: str, out: Path, options: argparse.Namespace) -> None:
    """Start, best and their comparison; raises CalledProcessError where one fails."""
    start, best, problem = f"kernels/{kernel}.cu", f"best/{kernel}.cu", f"kernels/{kernel}.problem.py"
    search = ["--device", options.device, "--seconds", str(options.seconds), "--out", best, "--quiet"]
    if not (options.reuse and (out / best).is_file()):
        kernelevo(out, "optimize", start, *search)
    for name, words in {
        "start": [start],
        "best": [best],
        "compared": [start, "--compare", best],
    }.items():
        page = f"{kernel}_{name}.html"
        kernelevo(out, "profile", *words, "--problem", problem, "--device", options.device, "--html", page)
        print(out / page)


def kernelevo(folder: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "kernelevo", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def draw_all(kernel: str, out: Path) -> int:
    """Pictures of a kernel's pages; 1 if one is too large for the docs."""
    shots = [(f"{kernel}_{name}", DESKTOP, f"profile_{kernel}_{name}") for name in ("start", "best")]
    if kernel == "softmax":
        shots += [
            ("softmax_compared", DESKTOP, "profile_softmax_compared"),
            ("softmax_start", PHONE, "profile_softmax_phone"),
        ]
    sizes = {name: draw(out / f"{page}.html", size, PICTURES / f"{name}.png") for page, size, name in shots}
    for name, size in sizes.items():
        print(f"docs/pictures/{name}.png: {size:,} bytes{'' if size < MOST_BYTES else ', too large'}")
    return int(max(sizes.values()) >= MOST_BYTES)


def draw(page: Path, size: tuple[int, int], picture: Path) -> int:
    """Draws the page, trims what is empty below it, and returns the picture's bytes."""
    from PIL import Image, ImageChops

    picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        switches = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
        window = [f"--window-size={size[0]},{size[1]}", f"--screenshot={picture}", f"--user-data-dir={profile}"]
        subprocess.run(["chromium", *switches, *window, page.as_uri()], check=True, capture_output=True)
    drawn = Image.open(picture).convert("RGB")
    empty = Image.new("RGB", drawn.size, drawn.getpixel((0, drawn.height - 1)))
    _, _, _, bottom = ImageChops.difference(drawn, empty).getbbox() or (0, 0, 0, drawn.height)
    trimmed = drawn.crop((0, 0, drawn.width, min(bottom + 16, drawn.height)))
    trimmed.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3).save(picture, optimize=True)
    return picture.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
