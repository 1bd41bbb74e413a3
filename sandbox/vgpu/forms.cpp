#include "forms.h"

#include "isa/isa.h"
#include "json_writer.h"
#include "loaded_module.h"

namespace vgpu {

namespace {

// Rows of our own, which no PTX text names: "<guard>", "frame_load.u8", "read.clock.b32", "pack.b32.2".
bool stands_for_text(const Form &form) {
  const std::string_view pattern = form.pattern;
  for (const std::string_view own : {"<", "frame_", "read.", "pack.", "unpack."}) {
    if (pattern.substr(0, own.size()) == own) return false;
  }
  return true;
}

// A store of an argument becomes moves between registers of the frame; its row is that of the text.
uint16_t row_of(const Op &op, const Origin &origin) {
  const bool stores_argument = origin.text.find("st.param") != std::string_view::npos;
  return stores_argument && op.form != form_unsupported ? uint16_t(form_st_param) : op.form;
}

void write_instruction(Writer &to, const Program &program, size_t i) {
  const Op &op = program.ops[i];
  const Origin &origin = program.origins[i];
  const bool refused = op.form == form_unsupported;
  to.begin('{');
  to.field("kernel", program.info.name);
  to.field("ptx_line", origin.ptx_line);
  to.field("instruction", std::string(origin.text));
  to.field("form", std::string(form_row(row_of(op, origin)).name));
  to.field("refused", refused ? program.notes[size_t(op.offset)] : std::string());
  to.end('}');
}

}  // namespace

std::string forms_json() {
  Writer to;
  to.begin('[');
  for (uint16_t id = 0; id < form_count; ++id) {
    const Form &form = form_row(id);
    if (!stands_for_text(form)) continue;
    to.begin('{');
    to.field("name", std::string(form.name));
    to.field("pattern", std::string(form.pattern));
    to.field("class", std::string(name_of(form.cls)));
    to.field("slots", form.slots);
    to.field("section", std::string(form.section));
    to.end('}');
  }
  to.end(']');
  return to.take();
}

std::string instructions_json(const Module &module) {
  Writer to;
  to.begin('[');
  for (const Program &program : static_cast<const LoadedModule &>(module).programs) {
    for (size_t i = 0; i < program.ops.size(); ++i) {
      const uint16_t form = program.ops[i].form;
      const bool pseudo = form == form_enter_block || form == form_guard || form == form_unguard;
      if (!pseudo && program.origins[i].ptx_line) write_instruction(to, program, i);
    }
  }
  to.end(']');
  return to.take();
}

}  // namespace vgpu
