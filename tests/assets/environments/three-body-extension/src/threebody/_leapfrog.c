/* Leapfrog (kick, drift, kick) for three equal masses in a plane, G = m = 1. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>

enum { BODIES = 3, NUMBERS = 2 * BODIES };

static int read_list(PyObject *list, double *numbers) {
    if (!PyList_Check(list) || PyList_GET_SIZE(list) != NUMBERS) {
        PyErr_SetString(PyExc_ValueError, "six numbers in a list are wanted");
        return 0;
    }
    for (int i = 0; i < NUMBERS; i++) numbers[i] = PyFloat_AsDouble(PyList_GET_ITEM(list, i));
    return !PyErr_Occurred();
}

static PyObject *make_list(const double *numbers) {
    PyObject *list = PyList_New(NUMBERS);
    for (int i = 0; list && i < NUMBERS; i++) PyList_SET_ITEM(list, i, PyFloat_FromDouble(numbers[i]));
    return list;
}

static void kick(const double *x, double *v, double step) {
    for (int i = 0; i < BODIES; i++)
        for (int j = 0; j < BODIES; j++) {
            if (i == j) continue;
            double dx = x[2 * j] - x[2 * i], dy = x[2 * j + 1] - x[2 * i + 1], r2 = dx * dx + dy * dy;
            double pull = step / (r2 * sqrt(r2));
            v[2 * i] += pull * dx;
            v[2 * i + 1] += pull * dy;
        }
}

static PyObject *advance(PyObject *self, PyObject *arguments) {
    PyObject *positions, *velocities;
    double x[NUMBERS], v[NUMBERS], step;
    long steps;
    if (!PyArg_ParseTuple(arguments, "OOdl", &positions, &velocities, &step, &steps)) return NULL;
    if (!read_list(positions, x) || !read_list(velocities, v)) return NULL;
    for (long n = 0; n < steps; n++) {
        kick(x, v, step / 2);
        for (int i = 0; i < NUMBERS; i++) x[i] += step * v[i];
        kick(x, v, step / 2);
    }
    return Py_BuildValue("NN", make_list(x), make_list(v));
}

static PyObject *energy(PyObject *self, PyObject *arguments) {
    PyObject *positions, *velocities;
    double x[NUMBERS], v[NUMBERS], sum = 0;
    if (!PyArg_ParseTuple(arguments, "OO", &positions, &velocities)) return NULL;
    if (!read_list(positions, x) || !read_list(velocities, v)) return NULL;
    for (int i = 0; i < NUMBERS; i++) sum += v[i] * v[i] / 2;
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) sum -= 1 / hypot(x[2 * j] - x[2 * i], x[2 * j + 1] - x[2 * i + 1]);
    return PyFloat_FromDouble(sum);
}

static PyMethodDef methods[] = {
    {"advance", advance, METH_VARARGS, "advance(x, v, step, steps): positions and velocities after `steps` steps."},
    {"energy", energy, METH_VARARGS, "energy(x, v): kinetic and potential energy."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_leapfrog", NULL, -1, methods};

PyMODINIT_FUNC PyInit__leapfrog(void) { return PyModule_Create(&module); }
