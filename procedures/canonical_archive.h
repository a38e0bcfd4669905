// Writes and reads canonical text from one description of a document (canonical.h). Included only by the .cc of a
// document. The description is a function template over either archive, in this namespace (found by argument):
//
//   template <typename Archive> void Fields(Archive& a, Rejection& r) { a.Header("Rejection"); ... }
//
//   RenderCanonical(rejection)  and  ParseCanonical<Rejection>(text, kMaxDocument)
#pragma once

#include "procedures/canonical.h"
#include "procedures/environment.h"

namespace smki::procedures {

// The one text of a scalar. Content that has none (an identifier with a space, a text with a quote) becomes
// kUnwritable, which no scalar reads as: such a document cannot be parsed again, and nothing can be smuggled in.
inline constexpr char kUnwritable[] = "!";
std::string WriteScalar(const std::string& identifier);
std::string WriteScalar(const Quoted& text);
std::string WriteScalar(uint64_t number);
std::string WriteScalar(bool flag);
std::string WriteScalar(UtcTime time);     // whole seconds: milliseconds are dropped
std::string WriteScalar(Millis duration);  // ISO 8601, whole seconds
std::string WriteScalar(const Digest& digest);
std::string WriteScalar(Eui64 eui);
std::string WriteScalar(const Base64& octets);

// False if `text` is no such scalar. Need not be strict: CanonicalReader compares with WriteScalar.
bool ReadScalar(std::string_view text, std::string& out);
bool ReadScalar(std::string_view text, Quoted& out);
bool ReadScalar(std::string_view text, uint64_t& out);
bool ReadScalar(std::string_view text, bool& out);
bool ReadScalar(std::string_view text, UtcTime& out);
bool ReadScalar(std::string_view text, Millis& out);
bool ReadScalar(std::string_view text, Digest& out);
bool ReadScalar(std::string_view text, Eui64& out);
bool ReadScalar(std::string_view text, Base64& out);

// What a reader expected, for people.
inline const char* Expected(const std::string&) {
  return "a name of letters, digits and ._:/+=-";
}
inline const char* Expected(const Quoted&) {
  return "a text in double quotes, printable ASCII without quote and backslash";
}
inline const char* Expected(uint64_t) {
  return "a whole number without leading zeros";
}
inline const char* Expected(bool) {
  return "true or false";
}
inline const char* Expected(UtcTime) {
  return "a UTC time such as 2026-11-21T03:00:00Z";
}
inline const char* Expected(Millis) {
  return "an ISO 8601 duration such as P7D";
}
inline const char* Expected(const Digest&) {
  return "a SHA-256 digest (64 lower-case hexadecimal digits)";
}
inline const char* Expected(Eui64) {
  return "an EUI-64 such as 00-DB-12-34-56-78-90-A0";
}
inline const char* Expected(const Base64&) {
  return "Base64 on one line";
}

class CanonicalWriter {
 public:
  void Header(const char* kind);

  template <typename T>
  void Field(const char* key, const T& value) {
    Line(key, WriteScalar(value));
  }
  template <typename T>
  void Optional(const char* key, const std::optional<T>& value) {
    if (value) Field(key, *value);
  }
  template <typename F>
  void Group(const char* key, F fields) {
    Line(key, "");
    indent_ += 2;
    fields();
    indent_ -= 2;
  }
  template <typename T, typename F>
  void List(const char* key, std::vector<T>& items, F fields) {
    Line(key, items.empty() ? "[]" : "");
    indent_ += 4;
    for (T& item : items) {
      first_of_item_ = true;
      fields(*this, item);
    }
    indent_ -= 4;
  }
  template <typename T, typename F>
  void OptionalList(const char* key, std::vector<T>& items, F fields) {
    if (!items.empty()) List(key, items, fields);
  }
  template <typename T>
  void Values(const char* key, const std::vector<T>& values) {
    Line(key, values.empty() ? "[]" : "");
    for (const T& value : values) Item(WriteScalar(value));
  }
  template <typename T>
  void OptionalValues(const char* key, const std::vector<T>& values) {
    if (!values.empty()) Values(key, values);
  }
  std::string Take() { return std::move(out_); }

 private:
  void Line(const char* key, const std::string& value);
  void Item(const std::string& value);

  std::string out_;
  size_t indent_ = 0;
  bool first_of_item_ = false;  // the next line begins an item of a list
};

// After the first thing that does not fit every further call does nothing: check Finish() once, at the end.
class CanonicalReader {
 public:
  CanonicalReader(std::string_view text, size_t limit);

  void Header(const char* kind);

  template <typename T>
  void Field(const char* key, T& value) {
    const std::optional<std::string_view> text = TakeValue(key);
    if (text && !Read(*text, value)) FailValue(key, *text, Expected(value));
  }
  template <typename T>
  void Optional(const char* key, std::optional<T>& value) {
    value.reset();
    if (NextIs(key)) Field(key, value.emplace());
  }
  template <typename F>
  void Group(const char* key, F fields) {
    if (!TakeOpening(key)) return;
    indent_ += 2;
    fields();
    indent_ -= 2;
  }
  template <typename T, typename F>
  void List(const char* key, std::vector<T>& items, F fields) {
    items.clear();
    if (TakeEmptyList(key) || !TakeOpening(key)) return;
    indent_ += 4;
    do {
      first_of_item_ = true;
      fields(*this, items.emplace_back());
    } while (NextIsItem());
    indent_ -= 4;
  }
  template <typename T, typename F>
  void OptionalList(const char* key, std::vector<T>& items, F fields) {
    items.clear();
    if (!NextIs(key)) return;
    List(key, items, fields);
    if (items.empty()) FailLine(std::string("no '") + key + "' at all where the list is empty");
  }
  template <typename T>
  void Values(const char* key, std::vector<T>& values) {
    values.clear();
    if (TakeEmptyList(key) || !TakeOpening(key)) return;
    indent_ += 4;
    do {
      T value{};
      const std::optional<std::string_view> text = TakeItem(key);
      if (text && !Read(*text, value)) FailValue(key, *text, Expected(value));
      values.push_back(std::move(value));
    } while (NextIsItem());
    indent_ -= 4;
  }
  template <typename T>
  void OptionalValues(const char* key, std::vector<T>& values) {
    values.clear();
    if (!NextIs(key)) return;
    Values(key, values);
    if (values.empty()) FailLine(std::string("no '") + key + "' at all where the list is empty");
  }
  // OK if everything fitted and nothing is left; else kInvalidArgument "line N: ...".
  Status Finish();

 private:
  template <typename T>
  static bool Read(std::string_view text, T& value) {
    return ReadScalar(text, value) && WriteScalar(value) == text;
  }
  std::string Prefix() const;
  // The line at hand, without its line feed; empty at the end.
  std::string_view Peek() const;
  void Advance();
  bool ok() const { return error_.empty(); }
  bool NextIs(const char* key) const;
  bool NextIsItem() const;
  bool TakeEmptyList(const char* key);
  bool TakeOpening(const char* key);
  std::optional<std::string_view> TakeValue(const char* key);
  std::optional<std::string_view> TakeItem(const char* key);
  void FailLine(const std::string& expected);
  void FailValue(const char* key, std::string_view found, const char* expected);

  std::string_view text_;
  size_t at_ = 0;
  size_t line_ = 1;
  size_t indent_ = 0;
  bool first_of_item_ = false;
  std::string error_;
};

template <typename Document>
std::string RenderCanonical(Document document) {
  CanonicalWriter writer;
  Fields(writer, document);
  return writer.Take();
}

template <typename Document>
StatusOr<Document> ParseCanonical(std::string_view text, size_t limit) {
  CanonicalReader reader(text, limit);
  Document document;
  Fields(reader, document);
  SMKI_RETURN_IF_ERROR(reader.Finish());
  return document;
}

// I8: how every document names its environment.
template <typename Archive>
void EnvironmentField(Archive& a, Environment& environment) {
  a.Group("environment", [&] {
    a.Field("kind", environment.kind);
    a.Field("estate", environment.estate);
  });
}

}  // namespace smki::procedures
