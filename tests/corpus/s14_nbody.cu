// One step of n bodies: tiles of positions in shared memory, rsqrtf, float4 in and out.
extern "C" __global__ void nbody_step(const float4 *position, float4 *velocity, float4 *moved, int n, float dt,
                                      float softening) {
  extern __shared__ float4 tile[];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float4 p = i < n ? position[i] : make_float4(0, 0, 0, 0);
  float ax = 0, ay = 0, az = 0;
  for (int base = 0; base < n; base += blockDim.x) {
    const int from = base + threadIdx.x;
    tile[threadIdx.x] = from < n ? position[from] : make_float4(0, 0, 0, 0);
    __syncthreads();
#pragma unroll 4
    for (int j = 0; j < blockDim.x; j++) {
      const float4 o = tile[j];
      const float dx = o.x - p.x, dy = o.y - p.y, dz = o.z - p.z;
      const float r = rsqrtf(dx * dx + dy * dy + dz * dz + softening), force = o.w * r * r * r;
      ax += dx * force;
      ay += dy * force;
      az += dz * force;
    }
    __syncthreads();
  }
  if (i >= n) return;
  float4 v = velocity[i];
  v.x += ax * dt;
  v.y += ay * dt;
  v.z += az * dt;
  velocity[i] = v;
  moved[i] = make_float4(p.x + v.x * dt, p.y + v.y * dt, p.z + v.z * dt, p.w);
}
