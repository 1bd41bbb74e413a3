// The k nearest points by a max-heap in each thread's local memory: dynamically indexed arrays and divergent sifting.
template <int K>
struct Heap {
  int distance[K], index[K];
  __device__ bool worse(int a, int b) const {
    return distance[a] > distance[b] || (distance[a] == distance[b] && index[a] > index[b]);
  }
  __device__ void swap(int a, int b) {
    const int d = distance[a], i = index[a];
    distance[a] = distance[b];
    index[a] = index[b];
    distance[b] = d;
    index[b] = i;
  }
  __device__ void replace_top(int d, int i, int size) {
    distance[0] = d;
    index[0] = i;
    for (int at = 0;;) {
      int largest = at;
      for (int child = 2 * at + 1; child <= 2 * at + 2; child++)
        if (child < size && worse(child, largest)) largest = child;
      if (largest == at) return;
      swap(at, largest);
      at = largest;
    }
  }
};

extern "C" __global__ void knn_heap(const short4 *points, const short4 *queries, int *nearest, int n, int q) {
  constexpr int K = 8;
  const int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= q) return;
  Heap<K> heap;
  for (int i = 0; i < K; i++) heap.distance[i] = 0x7fffffff, heap.index[i] = 0x7fffffff;
  const short4 p = queries[t];
  for (int i = 0; i < n; i++) {
    const short4 o = points[i];
    const int dx = p.x - o.x, dy = p.y - o.y, dz = p.z - o.z, dw = p.w - o.w;
    const int d = dx * dx + dy * dy + dz * dz + dw * dw;
    if (d < heap.distance[0]) heap.replace_top(d, i, K);
  }
  for (int last = K - 1; last > 0; last--) {
    const int d = heap.distance[last], i = heap.index[last];
    heap.distance[last] = heap.distance[0];
    heap.index[last] = heap.index[0];
    heap.replace_top(d, i, last);
  }
  for (int i = 0; i < K; i++) nearest[t * K + i] = heap.index[i];
}
