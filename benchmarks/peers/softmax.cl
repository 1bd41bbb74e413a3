// Twin of softmax.cu. `start` does nothing with the same arguments.
__kernel void softmax(__global const float *x, __global float *y, int cols) {
  __local float part[256];
  const int thread = get_local_id(0);
  __global const float *in = x + get_group_id(0) * cols;
  __global float *out = y + get_group_id(0) * cols;

  float highest = in[0];
  for (int i = thread; i < cols; i += 256) highest = fmax(highest, in[i]);
  part[thread] = highest;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int half_size = 128; half_size; half_size /= 2) {
    if (thread < half_size) part[thread] = fmax(part[thread], part[thread + half_size]);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  highest = part[0];
  barrier(CLK_LOCAL_MEM_FENCE);

  float sum = 0;
  for (int i = thread; i < cols; i += 256) sum += exp(in[i] - highest);
  part[thread] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int half_size = 128; half_size; half_size /= 2) {
    if (thread < half_size) part[thread] += part[thread + half_size];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  sum = part[0];

  for (int i = thread; i < cols; i += 256) out[i] = exp(in[i] - highest) / sum;
}

__kernel void start(__global const float *x, __global float *y, int cols) {}
