// How smkictl speaks: calm, aligned, short lines. Everything here makes text; nothing prints.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace smki::cli {

inline constexpr size_t kLineWidth = 96;

// Colours for a terminal. Without them the words say the same.
class Style {
 public:
  explicit Style(bool colour = false) : colour_(colour) {}
  std::string Strong(std::string_view text) const { return Paint("1", text); }
  std::string Faint(std::string_view text) const { return Paint("2", text); }
  std::string Good(std::string_view text) const { return Paint("32", text); }
  std::string Warn(std::string_view text) const { return Paint("33", text); }
  std::string Bad(std::string_view text) const { return Paint("31", text); }

 private:
  std::string Paint(const char* code, std::string_view text) const;
  bool colour_;
};

// Rows of cells, each column as wide as its widest cell. Colour codes do not count.
class Columns {
 public:
  explicit Columns(size_t indent = 0) : indent_(indent) {}
  void Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string Text() const;

 private:
  size_t indent_;
  std::vector<std::vector<std::string>> rows_;
};

// "  label     text that goes on\n            under itself\n": how a fact is shown. `label_width` without the indent.
std::string Fact(std::string_view label, std::string_view text, size_t label_width = 12, size_t indent = 2);
// Words broken at kLineWidth, every line but the first indented by `hang`; `first` columns are already used.
std::string Wrap(std::string_view text, size_t first, size_t hang);

// "12,345".
std::string Count(uint64_t number);
// "1 Device", "12,345 Devices".
std::string Count(uint64_t number, std::string_view one);
// "03:04:05".
std::string ClockTime(UtcTime time);
// "850 ms", "12 s", "3 min 20 s", "2 h 5 min".
std::string Elapsed(Millis duration);
// Anything that is not printable becomes '?': a server's words must not steer a terminal.
std::string Printable(std::string_view text);
// "[########........]", `width` cells between the brackets.
std::string Bar(uint64_t done, uint64_t total, size_t width);

}  // namespace smki::cli
