"""kernelevo makes GPU kernels faster and proves it, with or without a GPU."""

__version__ = "0.1.0"
