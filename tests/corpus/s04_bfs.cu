// Breadth-first search by one block: a frontier in global memory, atomicCAS claims vertices, an atomic counter appends.
extern "C" __global__ void bfs(const int *start, const int *neighbour, int *distance, int *frontiers, int vertices,
                               int source) {
  __shared__ int size, next_size;
  int *now = frontiers, *next = frontiers + vertices;
  if (threadIdx.x == 0) {
    now[0] = source;
    distance[source] = 0;
    size = 1;
    next_size = 0;
  }
  __syncthreads();
  for (int depth = 1; size > 0; depth++) {
    for (int i = threadIdx.x; i < size; i += blockDim.x)
      for (int e = start[now[i]]; e < start[now[i] + 1]; e++) {
        const int to = neighbour[e];
        if (distance[to] < 0 && atomicCAS(&distance[to], -1, depth) == -1) next[atomicAdd(&next_size, 1)] = to;
      }
    __syncthreads();
    if (threadIdx.x == 0) {
      size = next_size;
      next_size = 0;
    }
    int *swap = now;
    now = next;
    next = swap;
    __syncthreads();
  }
}
