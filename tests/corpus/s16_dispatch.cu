// Dispatch of every kind: a byte-code machine by switch, function pointers in constant memory, virtual bases, recursion
// over templates, lambdas by reference and variadic packs.
struct Shape {
  __device__ virtual ~Shape() {}
  __device__ virtual int area() const = 0;
  __device__ virtual int scaled(int by) const { return area() * by; }
};
struct Box : Shape {
  int w, h;
  __device__ Box(int w, int h) : w(w), h(h) {}
  __device__ int area() const override { return w * h; }
};
struct Square final : Box {
  __device__ explicit Square(int s) : Box(s, s) {}
  __device__ int scaled(int by) const override { return w * w - by; }
};

typedef int (*Operation)(int, int);
__device__ __noinline__ int add(int a, int b) { return a + b; }
__device__ __noinline__ int subtract(int a, int b) { return a - b; }
__device__ __noinline__ int multiply(int a, int b) { return a * b; }
__device__ __noinline__ int either(int a, int b) { return a | b; }
__constant__ Operation operations[4] = {add, subtract, multiply, either};

template <int N>
__device__ int horner(const int *c, int x) {
  return c[0] + x * horner<N - 1>(c + 1, x);
}
template <>
__device__ int horner<1>(const int *c, int) {
  return c[0];
}
template <typename... T>
__device__ int total(T... values) {
  return (0 + ... + values);
}
template <typename F>
__device__ __noinline__ int apply(F &&f, int times) {
  int result = 0;
  for (int i = 0; i < times; i++) result = f(result, i);
  return result;
}

extern "C" __global__ void dispatch(const int *x, int *out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const int v = x[i];
  Box box(v & 7, 3);
  Square square(v & 15);
  const Shape *shape = v & 1 ? (const Shape *)&square : &box;
  int captured = v;
  const int folded = apply([&captured](int sum, int k) { return sum + (captured ^= k * 5); }, v & 3);
  const int table = operations[v >> 2 & 3](v, i + 1);
  const int coefficients[5] = {v, 1, -2, v >> 3, 4};
  out[i] = total(shape->area(), shape->scaled(v), folded, captured, table, horner<5>(coefficients, i & 3));
}

extern "C" __global__ void byte_code(const unsigned char *code, const int *start, int *out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int stack[16], top = 0;
  for (int at = start[i]; at < start[i + 1]; at++) {
    const unsigned char op = code[at];
    switch (op >> 5) {
      case 0: stack[top++] = op & 31; break;
      case 1: stack[top] = stack[top - 1]; top++; break;
      case 2: top--; stack[top - 1] += stack[top]; break;
      case 3: top--; stack[top - 1] *= stack[top]; break;
      case 4: top--; stack[top - 1] -= stack[top]; break;
      case 5: stack[top - 1] = -stack[top - 1]; break;
      case 6: { const int a = stack[top - 1]; stack[top - 1] = stack[top - 2]; stack[top - 2] = a; break; }
      default: stack[top - 1] = stack[top - 1] < 0 ? stack[top - 1] / 3 : stack[top - 1] % 11; break;
    }
  }
  out[i] = stack[top - 1];
}
