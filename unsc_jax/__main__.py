"""`python -m unsc_jax`, the same as `unsc-jax`."""

import sys

from unsc_jax import command

if __name__ == '__main__':
  sys.exit(command.main())
