#!/bin/sh
# Compiles, sweeps the temperature on as many cores as there are, and finds where the magnet loses its order.
set -eu
make --quiet ising
mkdir -p results
seq 1.5 0.1 3.5 | xargs -P 2 -I T ./ising T 1944 | LC_ALL=C sort -n > results/magnetisation.tsv
awk '$3 > 0.5 { last = $1 } END { printf "ordered up to %s J/k; Onsager: 2.27\n", last }' results/magnetisation.tsv |
    tee results/critical.txt
