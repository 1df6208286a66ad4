/*
  device: a network of compiled-nn 0.1.0, in C99. It needs the math library and no other.

  Arithmetic: float32. Memory: constants, and about 360 bytes of the stack for a prediction.
  None is allocated, and no variable is shared: threads and interrupts may predict at the same time.
  Compile without -ffast-math: missing values are NAN.

  Outputs: the probability of each class: 0, 1, 2.
  Inputs, one number for each line:
    0  x0
    1  x1
    2  x2

  Verified on 64 rows by cc (Debian 12.2.0-14+deb12u1) 12.2.0: the largest difference from the model
  is 1.79e-07 of the largest output.
  Self-test: cc -std=c99 -DDEVICE_SELF_TEST device.c -lm && ./a.out
*/
#ifndef DEVICE_H
#define DEVICE_H

#define DEVICE_N_INPUTS 3
#define DEVICE_N_OUTPUTS 3
#define DEVICE_N_CLASSES 3

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the results for the inputs x[DEVICE_N_INPUTS] to out[DEVICE_N_OUTPUTS]. Returns the index of the class; -1: an input is
   NAN or infinite. -2: a result is not finite. */
int device_predict(const float *x, float *out);

/* Labels of the classes, in UTF-8. */
extern const char *const device_classes[3];

#ifdef __cplusplus
}
#endif

#endif
