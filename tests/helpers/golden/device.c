/* device: see device.h. Weights of a network of compiled-nn, and the functions that predict. */

#include "device.h"

#include <math.h>

static const float device_w_0_0[12] = {
    1.0f, -0.15f, -0.96f, -0.42f, -0.84f, 0.66f, -0.65f, 0.84f, 0.41f, 0.96f, 0.14f, -1.0f
};

static const float device_b_0_0[4] = {
    0.0f, 0.84f, 0.91f, 0.14f
};

static const float device_w_0_1[16] = {
    1.0f, 0.84f, 0.42f, -0.13f, -0.99f, -0.76f, -0.29f, 0.27f, 0.96f, 0.66f, 0.15f, -0.4f, -0.91f, -0.55f,
    -0.01f, 0.53f
};

static const float device_b_0_1[4] = {
    0.84f, 0.91f, 0.14f, -0.76f
};

static const float device_w_0_2[12] = {
    1.0f, 0.84f, 0.42f, -0.13f, -0.65f, -0.96f, -0.96f, -0.67f, -0.15f, 0.41f, 0.83f, 1.0f
};

static const float device_b_0_2[3] = {
    0.91f, 0.14f, -0.76f
};

static void device_softmax(int n, float *u)
{
    float largest = u[0], total = 0.0f;
    int j;
    for (j = 1; j < n; j++) {
        largest = u[j] > largest ? u[j] : largest;
    }
    for (j = 0; j < n; j++) {
        u[j] = expf(u[j] - largest);
        total += u[j];
    }
    for (j = 0; j < n; j++) {
        u[j] /= total;
    }
}

/* u = W x, W with n rows of k numbers. Sums of 16 products are added, which rounds less than one long sum. */
static void device_dense(int k, int n, const float *w, const float *x, float *u)
{
    int i, j;
    for (j = 0; j < n; j++, w += k) {
        float total = 0.0f;
        for (i = 0; i < k;) {
            const int end = k - i < 16 ? k : i + 16;
            float part = 0.0f;
            for (; i < end; i++) {
                part += w[i] * x[i];
            }
            total += part;
        }
        u[j] = total;
    }
}

static void device_add(int n, const float *b, float *u)
{
    int j;
    for (j = 0; j < n; j++) {
        u[j] += b[j];
    }
}

static int device_largest(int n, const float *p)
{
    int j, best = 0;
    for (j = 1; j < n; j++) {
        best = p[j] > p[best] ? j : best;
    }
    return best;
}

static int device_finite(int n, const float *p)
{
    int j;
    for (j = 0; j < n; j++) {
        if (!isfinite(p[j])) {
            return 0;
        }
    }
    return 1;
}

static void device_tanh(int n, float *u)
{
    int j;
    for (j = 0; j < n; j++) {
        const float z = u[j];
        u[j] = tanhf(z);
    }
}

static void device_silu(int n, float *u)
{
    int j;
    for (j = 0; j < n; j++) {
        const float z = u[j];
        u[j] = (z < -1e4f ? -1e4f : z) / (1.0f + expf(-z));
    }
}

static void device_network_0(const float *v, float *z)
{
    float a[4];
    float b[4];
    int i;
    for (i = 0; i < 3; i++) {
        a[i] = v[i] * 0.5f;
    }
    /* layer 0: 3 -> 4, silu */
    device_dense(3, 4, device_w_0_0, a, b);
    device_add(4, device_b_0_0, b);
    device_silu(4, b);
    /* layer 1: 4 -> 4, tanh, plus its input */
    device_dense(4, 4, device_w_0_1, b, a);
    device_add(4, device_b_0_1, a);
    device_tanh(4, a);
    device_add(4, b, a);
    /* layer 2: 4 -> 3 */
    device_dense(4, 3, device_w_0_2, a, z);
    device_add(3, device_b_0_2, z);
}

int device_predict(const float *x, float *out)
{
    float z[3];
    int i;
    const float *const v = x;
    for (i = 0; i < 3; i++) {
        if (!(isfinite(x[i]))) {
            return -1;
        }
    }
    device_network_0(v, z);
    device_softmax(3, z);
    for (i = 0; i < 3; i++) {
        out[i] = z[i];
    }
    if (!device_finite(3, out)) {
        return -2;
    }
    return device_largest(3, out);
}

const char *const device_classes[3] = {
    "0", "1", "2"
};

#ifdef DEVICE_SELF_TEST
#include <stdio.h>

/* 8 rows, and what the library computes for them; class -1: another index may be returned. */
static const float device_test_x[8 * DEVICE_N_INPUTS] = {
    0.0f, 0.0f, 0.0f, -11.306143f, 4.436305f, 9.464441f, -0.8403046f, -0.13470106f, -0.63997847f, -3.906765f,
    -4.6327767f, 7.4301677f, -4.502109f, 0.52236867f, 0.665262f, 18.533096f, -3.9648964f, -2.0265114f,
    -2.044989f, -1.0771774f, 1.9856889f, 12.171012f, -20.749582f, 1.3541191f
};
static const float device_test_out[8 * DEVICE_N_OUTPUTS] = {
    0.96268976f, 0.00579153f, 0.03151868f, 0.827971f, 6.302015e-10f, 0.17202905f, 0.96210885f, 0.005612991f,
    0.032278076f, 0.9938235f, 5.8219626e-07f, 0.006175892f, 0.943316f, 0.00039996006f, 0.056284096f,
    0.9834932f, 5.041922e-11f, 0.016506735f, 0.9728281f, 0.00091650704f, 0.026255462f, 0.99995804f,
    4.5550407e-13f, 4.1904306e-05f
};
static const int device_test_class[8] = {
    0, 0, 0, 0, 0, 0, 0, 0
};

int main(void)
{
    double worst = 0.0, largest = 0.0;
    int row, j, wrong = 0;
    for (row = 0; row < 8; row++) {
        float out[DEVICE_N_OUTPUTS];
        const int found = device_predict(device_test_x + row * DEVICE_N_INPUTS, out);
        wrong += found < 0 || (device_test_class[row] >= 0 && found != device_test_class[row]);
        for (j = 0; j < DEVICE_N_OUTPUTS && found >= 0; j++) {
            const double expected = (double)device_test_out[row * DEVICE_N_OUTPUTS + j];
            const double difference = fabs((double)out[j] - expected);
            worst = difference > worst ? difference : worst;
            largest = fabs(expected) > largest ? fabs(expected) : largest;
        }
    }
    worst /= largest > 0.0 ? largest : 1.0;
    printf("largest difference %.3g of the largest output, allowed are 1e-05; %d of 8 rows are wrong\n", worst,
           wrong);
    return worst <= 1e-05 && wrong == 0 ? 0 : 1;
}
#endif
