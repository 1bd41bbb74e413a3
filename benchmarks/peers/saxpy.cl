// Twin of benchmarks/kernels/saxpy.cu. `start` does nothing with the same arguments: what a process costs by itself.
__kernel void saxpy(float a, __global const float *x, __global float *y, int n) {
  const int i = get_global_id(0);
  if (i < n) y[i] = a * x[i] + y[i];
}

__kernel void start(float a, __global const float *x, __global float *y, int n) {}
