#include "lower.h"

#include <algorithm>

#include "../isa/isa.h"
#include "calls.h"
#include "frame_params.h"
#include "merged_accesses.h"
#include "select.h"
#include "slots.h"
#include "stack.h"
#include "stores.h"
#include "uniform_addresses.h"
#include "waiting_loops.h"
#include "wide.h"

namespace vgpu {

namespace {

char kind_of(ptx::Type type) { return type == ptx::Type::pred ? 'p' : ptx::bytes_of(type) >= 8 ? 'x' : 'w'; }

// Registers of the text come first, so that their numbers stay the same.
DraftFunction begin_function(const ptx::Function &tree, uint32_t index) {
  DraftFunction draft;
  draft.tree = &tree;
  draft.index = index;
  for (const ptx::Type type : tree.registers) draft.make_register(kind_of(type));
  split_wide_registers(draft);
  const auto add_words = [&](uint32_t variable) {
    draft.variable_word[variable] = draft.fixed_words;
    draft.fixed_words += words_of(tree.variables[variable]);
  };
  if (!tree.entry) {
    for (const uint32_t variable : tree.returns) add_words(variable);
    for (const uint32_t variable : tree.params) add_words(variable);
  }
  for (uint32_t i = 0; i < tree.variables.size(); ++i) {
    const ptx::Variable &variable = tree.variables[i];
    const bool signature = std::count(tree.params.begin(), tree.params.end(), i) ||
                           std::count(tree.returns.begin(), tree.returns.end(), i);
    if (variable.space == Space::param && !signature) add_words(i);
    if (variable.space != Space::local) continue;
    draft.local_bytes = (draft.local_bytes + variable.align - 1) / variable.align * variable.align;
    draft.local_offset[i] = draft.local_bytes;
    draft.local_bytes += uint32_t(variable.bytes);
  }
  reserve_stack(draft);
  return draft;
}

// Writes one function's drafts as decoded operations: block heads, guards, operands.
class Writer {
 public:
  Writer(Program &program, const DraftFunction &function, const Flow &flow, std::vector<WaitingLoop> waiting)
      : program_(program),
        function_(function),
        flow_(flow),
        waiting_(std::move(waiting)),
        first_op_(program.ops.size()) {}

  void write() {
    head_.resize(flow_.blocks.size());
    for (uint32_t b = 0; b < flow_.blocks.size(); ++b) write_block(b);
    for (const Patch &patch : patches_) patch_targets(patch);
    number_units();
  }

 private:
  struct Patch { uint32_t op, draft; };

  // Dense numbers for the registers of this function, for the scoreboard.
  void number_units() {
    std::unordered_map<uint32_t, uint32_t> unit;
    for (size_t i = program_.units.size(); i < program_.operands.size(); ++i) {
      const uint32_t next = static_cast<uint32_t>(unit.size());
      program_.units.push_back(unit.try_emplace(program_.operands[i], next).first->second);
    }
    program_.unit_count = std::max(program_.unit_count, static_cast<uint32_t>(unit.size()));
    for (size_t op = first_op_; op < program_.ops.size(); ++op) {
      Uses &uses = program_.uses[op];
      if (!uses.is_simple) continue;
      for (uint32_t i = 0; i < 3; ++i) uses.source_unit[i] = unit.at(uses.source[i]);
      uses.destination_unit = unit.at(uses.destination);
    }
  }

  uint32_t place(uint32_t reg) const { return function_.registers[reg].offset; }

  void append(const Op &op, const Draft *draft) {
    Origin origin;
    origin.function = function_.index;
    if (draft && draft->source) {
      origin.ptx_line = draft->source->line;
      origin.file = draft->source->file;
      origin.line = draft->source->source_line;
      origin.text = draft->source->text;
    }
    program_.ops.push_back(op);
    program_.origins.push_back(origin);
    program_.uses.emplace_back();
    program_.uses.back().first = uint32_t(program_.operands.size());
  }

  void write_block(uint32_t b) {
    const Block &block = flow_.blocks[b];
    head_[b] = uint32_t(program_.ops.size());
    Op head;
    head.form = form_enter_block;
    head.target = block.last - block.first + 1;
    head.offset = waiting_[b].instructions;
    head.kind = waiting_[b].for_blocks ? kWaitsForBlocks : 0;
    for (uint32_t i = block.first; i <= block.last; ++i) head.v[0] += (function_.drafts[i].op.flags & kHelper) != 0;
    append(head, &function_.drafts[block.first]);
    for (uint32_t i = block.first; i <= block.last; ++i) write_draft(i, block);
  }

  void write_draft(uint32_t i, const Block &) {
    const Draft &draft = function_.drafts[i];
    if (draft.guard >= 0) write_guard(draft);
    Op op = draft.op;
    if (draft.guard >= 0) op.flags |= kGuarded;
    if (!draft.targets.empty()) patches_.push_back({uint32_t(program_.ops.size()), i});
    std::vector<uint32_t> extra(draft.extra.size());
    append(op, &draft);
    for (const bool writes : {false, true}) {
      for (const Reference &each : draft.references) {
        if (each.writes == writes) write_operand(each, extra);
      }
    }
    finish_uses();
    if (!extra.empty()) {
      program_.ops.back().target = uint32_t(program_.extra.size());
      program_.extra.insert(program_.extra.end(), extra.begin(), extra.end());
    }
    if (draft.guard < 0) return;
    Op after;
    after.form = form_unguard;
    append(after, &draft);
    program_.uses.back().spread = Spread::general;
  }

  void write_guard(const Draft &draft) {
    Op guard;
    guard.form = form_guard;
    guard.a = place(uint32_t(draft.guard));
    if (draft.guard_negate) guard.flags |= kNegate;
    const Class cls = form_row(draft.op.form).cls;
    const bool memory = (cls >= Class::global_load && cls <= Class::constant_load) || cls == Class::async_copy;
    if (memory) guard.flags |= kGuardsMemory;
    append(guard, &draft);
    finish_uses();
  }

  // Branches and guards are decisions; a select depends on one of its sources only, and so may `and` and `or` of
  // predicates; a carry is no operand.
  static bool is_special(const Op &op) {
    const uint16_t form = op.form;
    if (form == form_and_pred || form == form_or_pred || op.flags & (kSetsCarry | kUsesCarry)) return true;
    return form == form_selp_b32 || form == form_selp_b64 || form == form_bra_if || form == form_ret_if ||
           form == form_exit_if || form == form_guard || form == form_brx_idx;
  }

  // Says how tracking follows the last operation, whose operands are complete.
  void finish_uses() {
    Uses &uses = program_.uses.back();
    uses.is_simple = uses.destinations == 1 && uses.sources >= 1 && uses.sources <= 3;
    if (is_special(program_.ops.back())) uses.spread = Spread::general;
    else if (uses.destinations == 0 || mixes_lanes(program_.ops.back().form)) uses.spread = Spread::nothing;
    else uses.spread = uses.is_simple ? Spread::simple : Spread::general;
    if (!uses.is_simple) return;
    const uint32_t *operands = program_.operands.data() + uses.first;
    for (uint32_t i = 0; i < 3; ++i) uses.source[i] = operands[i < uses.sources ? i : 0];
    uses.destination = operands[uses.sources];
  }

  void write_operand(const Reference &each, std::vector<uint32_t> &extra) {
    Op &op = program_.ops.back();
    const uint32_t offset = place(each.reg);
    uint32_t *const fields[] = {&op.d, &op.a, &op.b, &op.c, &op.v[0], &op.v[1], &op.v[2], &op.v[3]};
    if (each.field < field_extra) *fields[each.field] = offset;
    else extra[each.field - field_extra] = offset;
    const char kind = function_.registers[each.reg].kind;
    program_.operands.push_back(offset);
    program_.operand_bytes.push_back(kind == 'p' ? 1 : kind == 'w' ? 4 : 8);
    (each.writes ? program_.uses.back().destinations : program_.uses.back().sources) += 1;
  }

  uint32_t head_of_instruction(uint32_t instruction) const {
    return head_[flow_.block_of[function_.first_draft[instruction]]];
  }

  void patch_targets(const Patch &patch) {
    const Draft &draft = function_.drafts[patch.draft];
    Op &op = program_.ops[patch.op];
    const uint32_t meet = flow_.blocks[flow_.block_of[patch.draft]].reconverge;
    op.reconverge = meet == kNone ? kNone : head_[meet];
    if (op.form != form_brx_idx) {
      op.target = head_of_instruction(draft.targets[0]);
      return;
    }
    op.v[0] = uint32_t(draft.targets.size());
    op.v[1] = uint32_t(program_.extra.size());
    for (const uint32_t target : draft.targets) program_.extra.push_back(head_of_instruction(target));
  }

  Program &program_;
  const DraftFunction &function_;
  const Flow &flow_;
  std::vector<WaitingLoop> waiting_;           // that each block heads
  size_t first_op_;                            // of this function
  std::vector<uint32_t> head_;                 // operation of each block's head
  std::vector<Patch> patches_;
};

void add_final_return(DraftFunction &function) {
  Draft draft;
  draft.op.form = form_ret;
  draft.source = function.tree->body.empty() ? nullptr : &function.tree->body.back();
  function.drafts.push_back(std::move(draft));
}

void lower_function(Program &program, SharedLayout &shared, FormFinder &forms, CallTable &calls, uint32_t index) {
  const ptx::Function &tree = calls.module().functions[calls.reached()[index]];
  DraftFunction function = begin_function(tree, index);
  const Scope scope{calls.module(), calls.image(), function, shared, index == 0};
  const Selection selection{scope, forms, calls, program};
  for (const ptx::Instruction &instruction : tree.body) {
    function.first_draft.push_back(uint32_t(function.drafts.size()));
    select_instruction(selection, instruction);
  }
  function.first_draft.push_back(uint32_t(function.drafts.size()));
  for (const uint32_t each : function.addressed) {
    if (calls.module().functions[each].defined) calls.reach(each);
  }
  add_final_return(function);
  if (index == 0) program.stores = find_stores(function);
  Flow flow = find_blocks(function);
  find_reconvergence(flow);
  mark_merged_accesses(function, flow, shared);
  mark_queues(function, flow, index != 0);
  mark_uniform_addresses(function);
  // From here every register has a life time; next it gets a place.
  FunctionCode code;
  code.name = std::string(tree.name);
  for (const uint32_t each : tree.returns) code.signature_words += words_of(tree.variables[each]);
  for (const uint32_t each : tree.params) code.signature_words += words_of(tree.variables[each]);
  code.address = uint32_t(function_address(calls.reached()[index]));
  assign_slots(function, flow, code);
  code.entry = uint32_t(program.ops.size());
  // A function that is called through an address is taken for one that does not wait.
  const auto callee_waits = [&](const Draft &draft) {
    return draft.op.form == form_call && synchronises(calls.module().functions[calls.reached()[draft.op.target]]);
  };
  Writer(program, function, flow, find_waiting_loops(function, flow, callee_waits)).write();
  code.end = uint32_t(program.ops.size());
  program.functions.push_back(std::move(code));
}

KernelInfo describe(const ptx::Function &tree) {
  KernelInfo info;
  info.name = std::string(tree.name);
  info.max_threads = tree.max_threads;
  info.exact_threads = tree.exact_threads;
  info.instructions = uint32_t(tree.body.size());
  constexpr const char *names[] = {"",   "pred", "b8",  "b16", "b32", "b64",   "b128", "u8",     "u16", "u32", "u64",
                                   "s8", "s16",  "s32", "s64", "f16", "f16x2", "bf16", "bf16x2", "f32", "f64", "tf32"};
  for (const uint32_t index : tree.params) {
    const ptx::Variable &param = tree.variables[index];
    info.param_bytes = (info.param_bytes + param.align - 1) / param.align * param.align;
    info.params.push_back({info.param_bytes, uint32_t(param.bytes), param.align, names[size_t(param.type)]});
    info.param_bytes += uint32_t(param.bytes);
  }
  return info;
}

bool is_bulk_copy(uint16_t form) {
  return form == form_cp_async_bulk_load || form == form_cp_async_bulk_store ||
         form == form_cp_reduce_async_bulk_bits || form == form_cp_reduce_async_bulk_add ||
         form == form_cp_reduce_async_bulk_add_half || form == form_cp_reduce_async_bulk_wrap ||
         form == form_cp_reduce_async_bulk_extreme;
}

// Whether what a block does may depend on when other blocks run: it updates what they see, waits, or looks at the
// clock. Bulk copies count, too: what they read and write is not noted in the claims on memory.
bool communicates(const Program &program) {
  return std::any_of(program.ops.begin(), program.ops.end(), [](const Op &op) {
    const bool waits = op.form == form_enter_block && op.offset != 0;
    const bool clock = op.form == form_read_clock32 || op.form == form_read_clock64 ||
                       op.form == form_read_clock_high || op.form == form_nanosleep;
    return waits || clock || is_bulk_copy(op.form) || op.form == form_call_host ||
           form_row(op.form).cls == Class::global_atomic;
  });
}

}  // namespace

Program lower(const ptx::Module &module, const Image &image, uint32_t kernel) {
  Program program;
  program.info = describe(module.functions[kernel]);
  program.cluster = module.functions[kernel].cluster;
  program.cluster_line = module.functions[kernel].cluster_line;
  SharedLayout shared(program);
  FormFinder forms;
  CallTable calls(module, image);
  calls.reach(kernel);
  for (uint32_t i = 0; i < calls.reached().size(); ++i) lower_function(program, shared, forms, calls, i);
  shared.finish();
  program.info.static_shared_bytes = program.static_shared_bytes;
  program.communicates = communicates(program);
  for (const FunctionCode &code : program.functions) program.info.local_bytes += code.local_bytes;
  return program;
}

}  // namespace vgpu
