/* The two-dimensional Ising model: SIZE x SIZE spins, periodic, by Metropolis' rule.
 *
 * Usage: ising TEMPERATURE SEED      (temperature in units of J/k)
 * Prints temperature, energy per spin and the absolute magnetisation per spin, averaged over SWEEPS sweeps.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 32, WARM_UP = 400, SWEEPS = 1200 };

static int8_t spin[SIZE][SIZE];
static uint64_t state;

/* SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine. */
static double uniform(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int neighbours(int i, int j) {
    return spin[(i + 1) % SIZE][j] + spin[(i + SIZE - 1) % SIZE][j] + spin[i][(j + 1) % SIZE] + spin[i][(j + SIZE - 1) % SIZE];
}

static void sweep(double temperature) {
    for (int n = 0; n < SIZE * SIZE; n++) {
        int i = (int)(uniform() * SIZE), j = (int)(uniform() * SIZE);
        int cost = 2 * spin[i][j] * neighbours(i, j);
        if (cost <= 0 || uniform() < exp(-cost / temperature)) spin[i][j] = (int8_t)-spin[i][j];
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: ising TEMPERATURE SEED\n");
        return 2;
    }
    double temperature = atof(argv[1]), energy = 0, magnetisation = 0;
    state = strtoull(argv[2], NULL, 10);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) spin[i][j] = 1;
    for (int n = 0; n < WARM_UP; n++) sweep(temperature);
    for (int n = 0; n < SWEEPS; n++) {
        int bonds = 0, sum = 0;
        sweep(temperature);
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                bonds += spin[i][j] * neighbours(i, j);
                sum += spin[i][j];
            }
        energy -= bonds / 2.0 / (SIZE * SIZE);
        magnetisation += abs(sum) / (double)(SIZE * SIZE);
    }
    printf("%.2f\t%.4f\t%.4f\n", temperature, energy / SWEEPS, magnetisation / SWEEPS);
    return 0;
}
