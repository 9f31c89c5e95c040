! The Lorenz attractor (1963) by the classical Runge-Kutta method, and how fast two neighbouring paths part.
program lorenz
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none
  integer, parameter :: steps = 8000
  real(real64), parameter :: step = 0.005_real64, apart = 1.0e-9_real64
  real(real64) :: here(3), beside(3), distance, growth
  integer :: n, file

  here = [1.0_real64, 1.0_real64, 20.0_real64]
  do n = 1, 2000
    here = after(here)
  end do
  beside = here + [apart, 0.0_real64, 0.0_real64]
  growth = 0
  call execute_command_line('mkdir -p results')
  open (newunit=file, file='results/path.csv', action='write')
  write (file, '(a)') 'time,x,y,z'
  do n = 1, steps
    here = after(here)
    beside = after(beside)
    distance = norm2(beside - here)
    growth = growth + log(distance / apart)
    beside = here + (beside - here) * (apart / distance)
    if (mod(n, 10) == 0) write (file, '(f0.3,3(",",f0.4))') n * step, here
  end do
  close (file)
  open (newunit=file, file='results/lyapunov.txt', action='write')
  write (file, '(a,f5.2)') 'largest Lyapunov exponent: ', growth / (steps * step)
  close (file)

contains

  pure function slope(p) result(d)
    real(real64), intent(in) :: p(3)
    real(real64) :: d(3)
    d = [10 * (p(2) - p(1)), p(1) * (28 - p(3)) - p(2), p(1) * p(2) - 8 * p(3) / 3]
  end function slope

  pure function after(p) result(q)
    real(real64), intent(in) :: p(3)
    real(real64) :: q(3), a(3), b(3), c(3), d(3)
    a = slope(p)
    b = slope(p + step / 2 * a)
    c = slope(p + step / 2 * b)
    d = slope(p + step * c)
    q = p + step / 6 * (a + 2 * b + 2 * c + d)
  end function after
end program lorenz
