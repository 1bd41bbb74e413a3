// Constant expressions of integers, with C's operators and precedence.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#constant-expressions
#include "cursor.h"

namespace vgpu::ptx {

namespace {

constexpr int kMaxDepth = 64;                // of parentheses and unary operators

struct Binary { std::string_view text; int level; };
// Longer operators come before their prefixes.
constexpr Binary kBinary[] = {{"||", 1}, {"&&", 2}, {"==", 6}, {"!=", 6}, {"<=", 7}, {">=", 7}, {"<<", 8}, {">>", 8},
                              {"|", 3},  {"^", 4},  {"&", 5},  {"<", 7},  {">", 7},  {"+", 9},  {"-", 9},  {"*", 10},
                              {"/", 10}, {"%", 10}};

int64_t applied(std::string_view how, int64_t x, int64_t y) {
  const uint64_t a = uint64_t(x), b = uint64_t(y);
  if (how == "+") return int64_t(a + b);
  if (how == "-") return int64_t(a - b);
  if (how == "*") return int64_t(a * b);
  if (how == "/") return y == 0 || y == -1 ? int64_t(0 - a) * (y != 0) : x / y;
  if (how == "%") return y == 0 || y == -1 ? 0 : x % y;
  if (how == "<<") return b > 63 ? 0 : int64_t(a << b);
  if (how == ">>") return x >> (b > 63 ? 63 : b);
  if (how == "&") return x & y;
  if (how == "|") return x | y;
  if (how == "^") return x ^ y;
  if (how == "==") return x == y;
  if (how == "!=") return x != y;
  if (how == "<") return x < y;
  if (how == ">") return x > y;
  if (how == "<=") return x <= y;
  if (how == ">=") return x >= y;
  return how == "&&" ? x && y : x || y;
}

class Reader {
 public:
  explicit Reader(Cursor &in) : in_(in) {}

  bool ternary(int64_t &value) {
    if (!binary(1, value)) return false;
    if (!in_.take('?')) return true;
    int64_t yes = 0, no = 0;
    if (!ternary(yes) || !in_.take(':') || !ternary(no)) return false;
    value = value ? yes : no;
    return true;
  }

 private:
  bool unary(int64_t &value) {
    if (++depth_ > kMaxDepth) return false;
    const bool good = unary_inside(value);
    --depth_;
    return good;
  }
  bool unary_inside(int64_t &value) {
    if (in_.integer(value)) return true;
    if (in_.take('(')) return ternary(value) && in_.take(')');
    const bool minus = in_.take('-'), flip = !minus && in_.take('~'), negate = !minus && !flip && in_.take('!');
    const bool plus = !minus && !flip && !negate && in_.take('+');
    if (!(minus || flip || negate || plus) || !unary(value)) return false;
    value = minus ? int64_t(0 - uint64_t(value)) : flip ? ~value : negate ? !value : value;
    return true;
  }
  bool binary(int least, int64_t &value) {
    if (!unary(value)) return false;
    while (const Binary *next = operator_at(least)) {
      in_.forward(next->text.size());
      int64_t right = 0;
      if (!binary(next->level + 1, right)) return false;
      value = applied(next->text, value, right);
    }
    return true;
  }
  // The binary operator that comes next, if it binds at least as closely as `least`.
  const Binary *operator_at(int least) {
    in_.skip_space();
    for (const Binary &each : kBinary) {
      if (in_.raw() != each.text[0] || (each.text.size() > 1 && in_.raw(1) != each.text[1])) continue;
      return each.level >= least ? &each : nullptr;
    }
    return nullptr;
  }

  Cursor &in_;
  int depth_ = 0;
};

}  // namespace

bool Cursor::expression(int64_t &value) {
  Cursor probe = *this;
  if (!Reader(probe).ternary(value)) return false;
  *this = probe;
  return true;
}

}  // namespace vgpu::ptx
