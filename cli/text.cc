#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/json.h"

namespace smki::cli {
namespace {

// Columns a text takes on a terminal: colour codes none, an UTF-8 sequence one.
size_t VisibleSize(std::string_view text) {
  size_t size = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (i < text.size() && text[i] != 'm') ++i;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++size;
    }
  }
  return size;
}

}  // namespace

std::string Style::Paint(const char* code, std::string_view text) const {
  return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

std::string Columns::Text() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    if (row.size() > widths.size()) widths.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], VisibleSize(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent_, ' ');
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - VisibleSize(row[i]) + 2, ' ');
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

std::string Wrap(std::string_view text, size_t first, size_t hang) {
  std::string out;
  size_t column = first;
  bool fresh = true;  // nothing on this line yet
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '\n' || text[at] == ' ') {
      ++at;
      continue;
    }
    size_t end = text.find_first_of(" \n", at);
    if (end == std::string_view::npos) end = text.size();
    const std::string_view word = text.substr(at, end - at);
    const size_t size = VisibleSize(word);
    if (!fresh && column + 1 + size > kLineWidth) {
      out += "\n" + std::string(hang, ' ');
      column = hang;
      fresh = true;
    }
    if (!fresh) {
      out += ' ';
      ++column;
    }
    out += word;
    column += size;
    fresh = false;
    at = end;
  }
  return out;
}

std::string Fact(std::string_view label, std::string_view text, size_t label_width, size_t indent) {
  const size_t size = VisibleSize(label);
  const size_t column = indent + std::max(label_width, size + 1);
  std::string out(indent, ' ');
  out += label;
  out.append(column - indent - size, ' ');
  return out + Wrap(text, column, column) + "\n";
}

std::string Count(uint64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string Count(uint64_t number, std::string_view one) {
  return fmt::format("{} {}{}", Count(number), one, number == 1 ? "" : "s");
}

std::string ClockTime(UtcTime time) {
  return FormatTime(time).substr(11, 8);
}

std::string Elapsed(Millis duration) {
  const int64_t ms = std::max<int64_t>(duration.count(), 0);
  const int64_t s = ms / 1000;
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (s < 10) return fmt::format("{}.{} s", s, ms % 1000 / 100);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
}

std::string Printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if ((c < 0x20 && c != '\n') || c == 0x7f) c = '?';
  }
  return out;
}

std::string Bar(uint64_t done, uint64_t total, size_t width) {
  const size_t filled = total == 0 ? 0 : static_cast<size_t>(std::min(done, total) * width / total);
  return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
}

std::string Dump(const Json& object, bool indented) {
  return object.dump(indented ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace smki::cli
