"""Builds the integrator; everything else about the package is in pyproject.toml."""

from setuptools import Extension, setup

# -ffp-contract=off: no fused multiplications, whose last bits depend on the processor.
setup(
    ext_modules=[
        Extension("threebody._leapfrog", ["src/threebody/_leapfrog.c"], extra_compile_args=["-O2", "-ffp-contract=off"])
    ]
)
