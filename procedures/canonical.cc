#include "procedures/canonical.h"

#include <algorithm>

#include "procedures/canonical_archive.h"

namespace smki::procedures {
namespace {

constexpr size_t kMaxIdentifier = 128;
constexpr size_t kMaxQuoted = 4000;
constexpr char kApiVersion[] = "smki.recovery/v1";

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool IsIdentifierCharacter(char c) {
  return IsAlphanumeric(c) || std::string_view("._:/+=-").find(c) != std::string_view::npos;
}
bool IsQuotedCharacter(char c) {
  return c >= 0x20 && c <= 0x7E && c != '"' && c != '\\';
}

// What was found, short enough for a message and without anything a terminal would act on.
std::string Excerpt(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 60)) out += c >= 0x20 && c <= 0x7E ? c : '?';
  return text.size() > 60 ? out + "..." : out;
}

}  // namespace

bool IsIdentifier(std::string_view text) {
  // A leading '-' or a trailing ':' would make another YAML of the line.
  return !text.empty() && text.size() <= kMaxIdentifier && IsAlphanumeric(text.front()) && text.back() != ':' &&
         std::all_of(text.begin(), text.end(), IsIdentifierCharacter);
}

Quoted CleanText(std::string_view text) {
  Quoted out;
  for (const char c : text.substr(0, kMaxQuoted))
    out.text += c == '"' ? '\'' : c == '\\' ? '/' : IsQuotedCharacter(c) ? c : ' ';
  return out;
}

std::string WriteScalar(const std::string& identifier) {
  return IsIdentifier(identifier) ? identifier : kUnwritable;
}
std::string WriteScalar(const Quoted& text) {
  const bool writable =
      text.text.size() <= kMaxQuoted && std::all_of(text.text.begin(), text.text.end(), IsQuotedCharacter);
  return writable ? '"' + text.text + '"' : kUnwritable;
}
std::string WriteScalar(uint64_t number) {
  return fmt::format("{}", number);
}
std::string WriteScalar(bool flag) {
  return flag ? "true" : "false";
}
std::string WriteScalar(UtcTime time) {
  return FormatTime(time);
}
std::string WriteScalar(Millis duration) {
  return duration.count() >= 0 ? FormatDuration(duration) : kUnwritable;
}
std::string WriteScalar(const Digest& digest) {
  return ToHex(digest);
}
std::string WriteScalar(Eui64 eui) {
  return eui.ToString();
}
std::string WriteScalar(const Base64& octets) {
  return octets.bytes.empty() ? kUnwritable : ToBase64(octets.bytes);
}

namespace {
template <typename T>
bool Assign(const std::optional<T>& from, T& to) {
  if (from) to = *from;
  return from.has_value();
}
}  // namespace

bool ReadScalar(std::string_view text, std::string& out) {
  out = text;
  return text != kUnwritable;
}
bool ReadScalar(std::string_view text, Quoted& out) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  out.text = text.substr(1, text.size() - 2);
  return true;
}
bool ReadScalar(std::string_view text, uint64_t& out) {
  if (text.empty() || text.size() > 20) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<uint64_t>(c - '0');  // what overflows does not write back as `text`
  }
  return true;
}
bool ReadScalar(std::string_view text, bool& out) {
  out = text == "true";
  return true;
}
bool ReadScalar(std::string_view text, UtcTime& out) {
  return Assign(ParseTime(text), out);
}
bool ReadScalar(std::string_view text, Millis& out) {
  return Assign(ParseDuration(text), out);
}
bool ReadScalar(std::string_view text, Digest& out) {
  return Assign(DigestFromHex(text), out);
}
bool ReadScalar(std::string_view text, Eui64& out) {
  return Assign(Eui64::Parse(text), out);
}
bool ReadScalar(std::string_view text, Base64& out) {
  return Assign(FromBase64(text), out.bytes);
}

void CanonicalWriter::Header(const char* kind) {
  Line("apiVersion", kApiVersion);
  Line("kind", kind);
}

void CanonicalWriter::Line(const char* key, const std::string& value) {
  if (first_of_item_) {
    out_.append(indent_ - 2, ' ').append("- ");
  } else {
    out_.append(indent_, ' ');
  }
  first_of_item_ = false;
  out_.append(key).append(value.empty() ? ":" : ": ").append(value).append("\n");
}

void CanonicalWriter::Item(const std::string& value) {
  out_.append(indent_ + 2, ' ').append("- ").append(value).append("\n");
}

CanonicalReader::CanonicalReader(std::string_view text, size_t limit) : text_(text) {
  if (text.size() > limit) error_ = fmt::format("line 1: {} octets; at most {} are allowed", text.size(), limit);
}

void CanonicalReader::Header(const char* kind) {
  const std::pair<const char*, const char*> lines[] = {{"apiVersion", kApiVersion}, {"kind", kind}};
  for (const auto& [key, expected] : lines) {
    const auto text = TakeValue(key);
    if (text && *text != expected) FailValue(key, *text, expected);
  }
}

std::string CanonicalReader::Prefix() const {
  return first_of_item_ ? std::string(indent_ - 2, ' ') + "- " : std::string(indent_, ' ');
}

std::string_view CanonicalReader::Peek() const {
  const std::string_view rest = text_.substr(at_);
  return rest.substr(0, rest.find('\n'));
}

void CanonicalReader::Advance() {
  const size_t end = at_ + Peek().size();
  if (end == text_.size()) {
    FailLine("a line feed at its end");
    return;
  }
  at_ = end + 1;
  ++line_;
  first_of_item_ = false;
}

bool CanonicalReader::NextIs(const char* key) const {
  return ok() && Peek().starts_with(Prefix() + key + ":");
}
bool CanonicalReader::NextIsItem() const {
  return ok() && Peek().starts_with(std::string(indent_ - 2, ' ') + "- ");
}

bool CanonicalReader::TakeEmptyList(const char* key) {
  if (!ok() || Peek() != Prefix() + key + ": []") return false;
  Advance();
  return true;
}

bool CanonicalReader::TakeOpening(const char* key) {
  // Not even Prefix() means anything after a fault: the item at hand may have no first line.
  if (!ok()) return false;
  const std::string expected = Prefix() + key + ":";
  if (Peek() != expected) FailLine("'" + expected + "'");
  if (ok()) Advance();
  return ok();
}

std::optional<std::string_view> CanonicalReader::TakeValue(const char* key) {
  if (!ok()) return std::nullopt;
  const std::string_view line = Peek();
  const std::string prefix = Prefix() + key + ": ";
  if (!line.starts_with(prefix)) {
    FailLine("'" + prefix + "...'");
    return std::nullopt;
  }
  Advance();
  return line.substr(prefix.size());
}

std::optional<std::string_view> CanonicalReader::TakeItem(const char* key) {
  if (!ok()) return std::nullopt;
  if (!NextIsItem()) {
    FailLine(fmt::format("an item of '{}'", key));
    return std::nullopt;
  }
  const std::string_view line = Peek();
  Advance();
  return line.substr(indent_);
}

void CanonicalReader::FailLine(const std::string& expected) {
  if (!ok()) return;
  const std::string found = at_ == text_.size() ? "the end" : "'" + Excerpt(Peek()) + "'";
  error_ = fmt::format("line {}: expected {}, found {}", line_, expected, found);
}

void CanonicalReader::FailValue(const char* key, std::string_view found, const char* expected) {
  if (!ok()) return;
  error_ = fmt::format("line {}: expected '{}' to be {}, found '{}'", line_ - 1, key, expected, Excerpt(found));
}

Status CanonicalReader::Finish() {
  if (ok() && at_ != text_.size()) FailLine("the end");
  if (!ok()) return InvalidArgument("{}", error_);
  return OkStatus();
}

}  // namespace smki::procedures
