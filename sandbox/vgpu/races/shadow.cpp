#include "shadow.h"

namespace vgpu {
namespace {

uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

// The lanes of a line that has one cell (line_code in exec/race_rows.h): the first, and bytes of each.
struct LineLanes {
  uint32_t first, bytes;
  explicit LineLanes(uint32_t code) {
    bytes = code >= 8 ? 16 : code >= 4 ? 8 : code >= 1 ? 4 : 2;
    first = (code - (code >= 8 ? 8 : code >= 4 ? 4 : code >= 1 ? 1 : 0)) * (kRaceLine / bytes);
  }
};

void spread(RaceCell line, uint32_t shift, RaceCell *cells) {
  const LineLanes lanes(lane_of(line));
  const RaceCell base = line & ~RaceCell(0x7f);        // without lane and flags
  for (uint32_t i = 0; i < kRaceLine >> shift; ++i) cells[i] = base | (lanes.first + (i << shift) / lanes.bytes) << 2;
}

}  // namespace

RaceCellPages::RaceCellPages(uint64_t count)
    : count_(count), pages_(count * 3 * sizeof(RaceCell), Pages::Start::closed) {
  pages_.open(pages_.bytes());
}

RaceCells RaceCellPages::cells() const {
  RaceCell *first = reinterpret_cast<RaceCell *>(pages_.data());
  return {first, first + count_, first + 2 * count_};
}

GlobalShadow::GlobalShadow(uint64_t low, uint64_t high, uint32_t shift)
    : lines_((high - low / kRaceLine * kRaceLine + kRaceLine) / kRaceLine * sizeof(RaceLine), Pages::Start::closed) {
  lines_.open(lines_.bytes());
  view_.low = low / kRaceLine * kRaceLine;
  view_.high = high;
  view_.shift = shift;
  view_.lines = reinterpret_cast<RaceLine *>(lines_.data());
  const uint64_t chunks = round_up(high - view_.low, kRaceChunk) / kRaceChunk + 1;
  chunks_.resize(chunks);
  pages_.resize(chunks);
  view_.chunks = chunks_.data();
}

void GlobalShadow::split(uint64_t address, uint32_t floor, RaceCell mark) {
  const uint64_t place = address - view_.low;
  const size_t chunk = size_t(place / kRaceChunk);
  if (!pages_[chunk]) {
    pages_[chunk] = std::make_unique<RaceCellPages>(kRaceChunk >> view_.shift);
    chunks_[chunk] = pages_[chunk]->cells();
  }
  RaceLine &line = view_.lines[place / kRaceLine];
  const uint64_t first = place % kRaceChunk / kRaceLine * kRaceLine >> view_.shift;
  if (epoch_of(line.write) > floor) spread(line.write, view_.shift, chunks_[chunk].write + first);
  if (epoch_of(line.read) > floor) spread(line.read, view_.shift, chunks_[chunk].read + first);
  line.write = mark | kRaceSplit;
}

}  // namespace vgpu
