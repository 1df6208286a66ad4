"""Functions of the C source: `real` is float or double, ``F(exp)`` expf or exp, ``C(0.5)`` 0.5f or 0.5."""

from __future__ import annotations

import re

# f(z) of the activations, as expressions of z.
_SIGMOID = "C(1.0) / (C(1.0) + F(exp)(-z))"
_FLOORED = "(z < C(-1e4) ? C(-1e4) : z)"
_SOFTPLUS = "(z > C(0.0) ? z : C(0.0)) + F(log1p)(F(exp)(-F(fabs)(z)))"
_RAMP = "(z <= C(-3.0) ? C(0.0) : z >= C(3.0) ? C(1.0) : (z + C(3.0)) / C(6.0))"
ACTIVATIONS = {
    "relu": "z < C(0.0) ? C(0.0) : z",
    "sigmoid": _SIGMOID,
    "tanh": "F(tanh)(z)",
    "exp": "F(exp)(z)",
    "leaky_relu": "z > C(0.0) ? z : C(0.01) * z",
    "elu": "z > C(0.0) ? z : F(expm1)(z)",
    "selu": "z > C(0.0) ? C(1.0507009873554805) * z : C(1.7580993408473766) * F(expm1)(z)",
    "gelu": f"C(0.5) * {_FLOORED} * F(erfc)(C(-0.7071067811865476) * z)",
    "gelu_tanh": f"{_FLOORED} / (C(1.0) + F(exp)(C(-1.5957691216057308) * z * (C(1.0) + C(0.044715) * z * z)))",
    "silu": f"{_FLOORED} / (C(1.0) + F(exp)(-z))",
    "mish": f"{_FLOORED} * F(tanh)({_SOFTPLUS})",
    "softplus": _SOFTPLUS,
    "softsign": "z / (C(1.0) + F(fabs)(z))",
    "hard_sigmoid": _RAMP,
    "hard_swish": f"(z < C(-3.0) ? C(-3.0) : z) * {_RAMP}",
    "hard_tanh": "z < C(-1.0) ? C(-1.0) : z > C(1.0) ? C(1.0) : z",
    "relu6": "z < C(0.0) ? C(0.0) : z > C(6.0) ? C(6.0) : z",
    "sine": "F(sin)(z < C(-8192.0) ? C(-8192.0) : z > C(8192.0) ? C(8192.0) : z)",
}
_ACTIVATION = """\
static void NAME_{name}(int n, real *u)
{{
    int j;
    for (j = 0; j < n; j++) {{
        const real z = u[j];
        u[j] = {formula};
    }}
}}
"""

FUNCTIONS = {
    "softmax": """\
static void NAME_softmax(int n, real *u)
{
    real largest = u[0], total = C(0.0);
    int j;
    for (j = 1; j < n; j++) {
        largest = u[j] > largest ? u[j] : largest;
    }
    for (j = 0; j < n; j++) {
        u[j] = F(exp)(u[j] - largest);
        total += u[j];
    }
    for (j = 0; j < n; j++) {
        u[j] /= total;
    }
}
""",
    "dense": """\
/* u = W x, W with n rows of k numbers. Sums of BLOCK products are added, which rounds less than one long sum. */
static void NAME_dense(int k, int n, const real *w, const real *x, real *u)
{
    int i, j;
    for (j = 0; j < n; j++, w += k) {
        real total = C(0.0);
        for (i = 0; i < k;) {
            const int end = k - i < BLOCK ? k : i + BLOCK;
            real part = C(0.0);
            for (; i < end; i++) {
                part += w[i] * x[i];
            }
            total += part;
        }
        u[j] = total;
    }
}
""",
    "add": """\
static void NAME_add(int n, const real *b, real *u)
{
    int j;
    for (j = 0; j < n; j++) {
        u[j] += b[j];
    }
}
""",
    "quantize": """\
/* q = (x - middle) / step, rounded and limited to -127 to 127; stride 0: one middle and one step for all numbers. */
static void NAME_quantize(int k, int stride, const real *middle, const real *step, const real *x, signed char *q)
{
    int i;
    for (i = 0; i < k; i++) {
        const real z = F(rint)((x[i] - middle[i * stride]) / step[i * stride]);
        q[i] = (signed char)(z < C(-127.0) ? C(-127.0) : z > C(127.0) ? C(127.0) : z);
    }
}
""",
    "dense_int8": """\
/* u = f (W q): whole numbers, whose sums fit 32 bits, times one factor for each unit. */
static void NAME_dense_int8(int k, int n, const signed char *w, const real *f, const signed char *q, real *u)
{
    int i, j;
    for (j = 0; j < n; j++, w += k) {
        int32_t total = 0;
        for (i = 0; i < k; i++) {
            total += (int32_t)w[i] * q[i];
        }
        u[j] = (real)total * f[j];
    }
}
""",
    "add_int8": """\
static void NAME_add_int8(int n, const signed char *row, const real *f, real *u)
{
    int j;
    for (j = 0; j < n; j++) {
        u[j] += f[j] * (C(127.0) * (real)row[j]);
    }
}
""",
    "layer_norm": """\
static void NAME_layer_norm(int n, const real *gain, real *u)
{
    real total = C(0.0), squares = C(0.0), mean, factor;
    int j;
    for (j = 0; j < n; j++) {
        total += u[j];
    }
    mean = total / n;
    for (j = 0; j < n; j++) {
        u[j] -= mean;
        squares += u[j] * u[j];
    }
    factor = C(1.0) / F(sqrt)(squares / n + C(1e-5));
    for (j = 0; j < n; j++) {
        u[j] = u[j] * factor * gain[j];
    }
}
""",
    "rms_norm": """\
static void NAME_rms_norm(int n, const real *gain, real *u)
{
    real squares = C(0.0), factor;
    int j;
    for (j = 0; j < n; j++) {
        squares += u[j] * u[j];
    }
    factor = C(1.0) / F(sqrt)(squares / n + C(1e-5));
    for (j = 0; j < n; j++) {
        u[j] = u[j] * factor * gain[j];
    }
}
""",
    "clip": """\
/* z / sqrt(1 + (z / 3)^2) */
static void NAME_clip(int n, real *z)
{
    int i;
    for (i = 0; i < n; i++) {
        const real t = z[i] / C(3.0);
        z[i] = z[i] / F(sqrt)(C(1.0) + t * t);
    }
}
""",
    "bins": """\
/* Positions of numbers within the bins of their columns. */
static void NAME_bins(int n, const int *source, const real *lower, const real *factor, const real *low,
                      const real *high, const real *z, real *out)
{
    int j;
    for (j = 0; j < n; j++) {
        const real t = (z[source[j]] - lower[j]) * factor[j];
        out[j] = t < low[j] ? low[j] : t > high[j] ? high[j] : t;
    }
}
""",
    "category": """\
/* Row of the table for the index of a category: `place` + index, `other` if it is not one, -1 if it is missing. */
static int NAME_category(real x, int n, int place, int other)
{
    if (isnan(x)) {
        return -1;
    }
    return x >= C(0.0) && x < (real)n && F(floor)(x) == x ? place + (int)x : other;
}
""",
    "number": """\
/* The same for categories that are numbers. */
static int NAME_number(real x, int n, const real *categories, int place, int other)
{
    int i;
    if (isnan(x)) {
        return -1;
    }
    for (i = 0; i < n; i++) {
        if (categories[i] == x) {
            return place + i;
        }
    }
    return other;
}
""",
    "equal": """\
static int NAME_equal(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}
""",
    "largest": """\
static int NAME_largest(int n, const real *p)
{
    int j, best = 0;
    for (j = 1; j < n; j++) {
        best = p[j] > p[best] ? j : best;
    }
    return best;
}
""",
    "finite": """\
static int NAME_finite(int n, const real *p)
{
    int j;
    for (j = 0; j < n; j++) {
        if (!isfinite(p[j])) {
            return 0;
        }
    }
    return 1;
}
""",
    "sort": """\
static void NAME_sort(int n, real *p)
{
    int i, j;
    for (i = 1; i < n; i++) {
        const real value = p[i];
        for (j = i; j > 0 && p[j - 1] > value; j--) {
            p[j] = p[j - 1];
        }
        p[j] = value;
    }
}
""",
    "exceedance": """\
/* P(y > j) of ordered classes. */
static void NAME_exceedance(int n, real *z)
{
    real a = z[0];
    int j;
    z[0] = C(1.0) / (C(1.0) + F(exp)(-a));
    for (j = 1; j < n; j++) {
        a -= (z[j] > C(0.0) ? z[j] : C(0.0)) + F(log1p)(F(exp)(-F(fabs)(z[j])));
        z[j] = C(1.0) / (C(1.0) + F(exp)(-a));
    }
}
""",
    "log_add": """\
/* log(exp(a) + exp(b)) */
static real NAME_log_add(real a, real b)
{
    return (a > b ? a : b) + F(log1p)(F(exp)(-F(fabs)(a - b)));
}
""",
    "log_softmax": """\
static void NAME_log_softmax(int n, real *z)
{
    real largest = z[0], total = C(0.0);
    int j;
    for (j = 1; j < n; j++) {
        largest = z[j] > largest ? z[j] : largest;
    }
    for (j = 0; j < n; j++) {
        z[j] -= largest;
        total += F(exp)(z[j]);
    }
    total = F(log)(total);
    for (j = 0; j < n; j++) {
        z[j] -= total;
    }
}
""",
    "log_sigmoid": """\
static real NAME_log_sigmoid(real z)
{
    return (z < C(0.0) ? z : C(0.0)) - F(log1p)(F(exp)(-F(fabs)(z)));
}
""",
    "date": """\
/* Parts of a date, microseconds since 1970-01-01T00:00: 0 days since `first`, 1 year, 2 month, 3 day of the month,
   4 weekday (Monday is 0), 5 hour with its fraction. */
static real NAME_date_part(int part, int64_t time, int64_t first)
{
    const int64_t day = INT64_C(86400000000);
    const int64_t days = time / day - (time % day < 0);
    const int64_t shifted = days + 719468; /* since 0000-03-01 */
    const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const int64_t of_era = shifted - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153; /* March is 0 */
    switch (part) {
    case 0:
        return (real)(((double)time - (double)first) / 86400000000.0);
    case 1:
        return (real)(year + era * 400 + (month >= 10));
    case 2:
        return (real)(month < 10 ? month + 3 : month - 9);
    case 3:
        return (real)(of_year - (153 * month + 2) / 5 + 1);
    case 4:
        return (real)(((days + 3) % 7 + 7) % 7);
    default:
        return (real)((double)(time - days * day) / 3600000000.0);
    }
}
""",
} | {name: _ACTIVATION.format(name=name, formula=formula) for name, formula in ACTIVATIONS.items()}  # fmt: skip

SELF_TEST = """\
#ifdef UPPER_SELF_TEST
#include <stdio.h>

/* {rows} rows, and what the library computes for them; class -1: another index may be returned. */
static const real NAME_test_x[{rows} * UPPER_N_INPUTS] = {x};
static const real NAME_test_out[{rows} * UPPER_N_OUTPUTS] = {out};
static const int NAME_test_class[{rows}] = {classes};

int main(void)
{{
    double worst = 0.0, largest = 0.0;
    int row, j, wrong = 0;
    for (row = 0; row < {rows}; row++) {{
        real out[UPPER_N_OUTPUTS];
        const int found = NAME_predict(NAME_test_x + row * UPPER_N_INPUTS, out);
        wrong += found < 0 || (NAME_test_class[row] >= 0 && found != NAME_test_class[row]);
        for (j = 0; j < UPPER_N_OUTPUTS && found >= 0; j++) {{
            const double expected = (double)NAME_test_out[row * UPPER_N_OUTPUTS + j];
            const double difference = fabs((double)out[j] - expected);
            worst = difference > worst ? difference : worst;
            largest = fabs(expected) > largest ? fabs(expected) : largest;
        }}
    }}
    worst /= largest > 0.0 ? largest : 1.0;
    printf("largest difference %.3g of the largest output, allowed are {bound}; %d of {rows} rows are wrong\\n", worst,
           wrong);
    return worst <= {bound} && wrong == 0 ? 0 : 1;
}}
#endif
"""

_FLOAT = re.compile(r"\bF\((\w+)\)")
_CONSTANT = re.compile(r"\bC\(([^)]*)\)")


def fill(source: str, name: str, dtype: str, block: int) -> str:
    """Return C source for a name and a dtype."""
    single = dtype == "float32"
    source = _FLOAT.sub(r"\1f" if single else r"\1", source)
    source = _CONSTANT.sub(r"\1f" if single else r"\1", source)
    source = re.sub(r"\breal\b", "float" if single else "double", source)
    source = re.sub(r"\bNAME(?=_|\b)", name, source).replace("BLOCK", str(block))
    return re.sub(r"\bUPPER(?=_|\b)", name.upper(), source)
