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

// .s64, or .u64: a literal with U or beyond .s64, what ~ gives, and what was worked out with one of these.
struct Value { int64_t bits = 0; bool is_unsigned = false; };

// Comparisons and logic give .s64, shifts keep the type of what is shifted (by the count modulo 64), all others work in
// .u64 if either side is. What the manual leaves open is as ptxas has it.
template <typename T>
T worked_out(std::string_view how, T x, T y) {
  const uint64_t a = uint64_t(x), b = uint64_t(y);
  if (how == "+") return T(a + b);
  if (how == "-") return T(a - b);
  if (how == "*") return T(a * b);
  const bool overflows = y == T(-1) && T(-1) < T(0);   // of the least number, which is then itself
  if (how == "/") return y == 0 ? 0 : overflows ? T(0 - a) : T(x / y);
  if (how == "%") return y == 0 || overflows ? 0 : T(x % y);
  if (how == "&") return x & y;
  if (how == "|") return x | y;
  if (how == "^") return x ^ y;
  if (how == "==") return x == y;
  if (how == "!=") return x != y;
  if (how == "<") return x < y;
  if (how == ">") return x > y;
  return how == "<=" ? x <= y : x >= y;
}

Value applied(const Binary &how, Value x, Value y) {
  if (how.text == "&&") return {x.bits && y.bits};
  if (how.text == "||") return {x.bits || y.bits};
  const int count = int(y.bits & 63);
  if (how.text == "<<") return {int64_t(uint64_t(x.bits) << count), x.is_unsigned};
  if (how.text == ">>") {
    return {x.is_unsigned ? int64_t(uint64_t(x.bits) >> count) : x.bits >> count, x.is_unsigned};
  }
  const bool is_unsigned = x.is_unsigned || y.is_unsigned, compares = how.level == 6 || how.level == 7;
  const int64_t bits = is_unsigned ? int64_t(worked_out<uint64_t>(how.text, uint64_t(x.bits), uint64_t(y.bits)))
                                   : worked_out<int64_t>(how.text, x.bits, y.bits);
  return {bits, is_unsigned && !compares};
}

class Reader {
 public:
  explicit Reader(Cursor &in) : in_(in) {}

  bool ternary(Value &value) {
    if (!binary(1, value)) return false;
    if (!in_.take('?')) return true;
    Value yes, no;
    if (!ternary(yes) || !in_.take(':') || !ternary(no)) return false;
    value = value.bits ? yes : no;
    return true;
  }

 private:
  bool unary(Value &value) {
    if (++depth_ > kMaxDepth) return false;
    const bool good = unary_inside(value);
    --depth_;
    return good;
  }
  bool unary_inside(Value &value) {
    if (in_.integer(value.bits, value.is_unsigned)) return true;
    if (in_.take('(')) return ternary(value) && in_.take(')');
    const bool minus = in_.take('-'), flip = !minus && in_.take('~'), negate = !minus && !flip && in_.take('!');
    const bool plus = !minus && !flip && !negate && in_.take('+');
    if (!(minus || flip || negate || plus) || !unary(value)) return false;
    if (minus) value.bits = int64_t(0 - uint64_t(value.bits));
    if (flip) value = {~value.bits, true};
    if (negate) value = {!value.bits, false};
    return true;
  }
  bool binary(int least, Value &value) {
    if (!unary(value)) return false;
    while (const Binary *next = operator_at(least)) {
      in_.forward(next->text.size());
      Value right;
      if (!binary(next->level + 1, right)) return false;
      value = applied(*next, value, right);
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
  Value read;
  if (!Reader(probe).ternary(read)) return false;
  value = read.bits;
  *this = probe;
  return true;
}

}  // namespace vgpu::ptx
