"""Three equal masses in a plane, G = m = 1; positions and velocities are flat lists x1, y1, x2, y2, x3, y3."""

from threebody._leapfrog import advance, energy

__all__ = ["FIGURE_EIGHT", "PERIOD", "advance", "energy"]

# Chenciner and Montgomery, Annals of Mathematics 152, 881 (2000); initial conditions by Carles Simó.
_X, _Y, _VX, _VY = 0.97000436, -0.24308753, 0.93240737, 0.86473146
FIGURE_EIGHT = ([_X, _Y, -_X, -_Y, 0.0, 0.0], [_VX / 2, _VY / 2, _VX / 2, _VY / 2, -_VX, -_VY])
PERIOD = 6.32591398
