#include "repository/web/request.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "repository/extract/schema.h"
#include "repository/extract/shown.h"
#include "repository/web/schema.h"

namespace smki::repository::web {
namespace {

using repository::schema::kFieldRules;
using repository::schema::Rule;

constexpr int kMaxDepth = 2;  // root, parameter
constexpr size_t kEuiText = 23;

std::string_view Text(const xmlChar* text) {
  return reinterpret_cast<const char*>(text);
}

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string Trimmed(std::string text) {
  while (!text.empty() && IsSpace(text.back())) text.pop_back();
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), IsSpace));
  return text;
}

struct Parameter {
  const Rule& rule;
  std::optional<std::string> text;
};

class Reader {
 public:
  Reader(std::string_view root, std::vector<Parameter>& parameters) : root_(root), parameters_(parameters) {}

  Status Read(std::string_view xml) {
    if (xml.size() > kMaxRequestBody) return InvalidArgument("more than {} octets", kMaxRequestBody);
    static const bool initialised = (xmlInitParser(), true);
    static_cast<void>(initialised);
    xmlSAXHandler sax = Handlers();
    context_ = xmlCreatePushParserCtxt(&sax, this, nullptr, 0, nullptr);
    SMKI_CHECK(context_ != nullptr);
    xmlCtxtUseOptions(context_, XML_PARSE_NONET);
    xmlParseChunk(context_, xml.data(), static_cast<int>(xml.size()), 1);
    if (!complete_ || context_->wellFormed == 0) Fail("not well-formed XML");
    xmlFreeParserCtxt(context_);
    return fault_;
  }

 private:
  static xmlSAXHandler Handlers() {
    xmlSAXHandler sax{};
    sax.initialized = XML_SAX2_MAGIC;
    sax.startElementNs = [](void* self, const xmlChar* local, const xmlChar*, const xmlChar*, int, const xmlChar**,
                            int attributes, int,
                            const xmlChar**) { static_cast<Reader*>(self)->Start(Text(local), attributes); };
    sax.endElementNs = [](void* self, const xmlChar*, const xmlChar*, const xmlChar*) {
      static_cast<Reader*>(self)->End();
    };
    sax.characters = [](void* self, const xmlChar* text, int size) {
      static_cast<Reader*>(self)->Characters({reinterpret_cast<const char*>(text), static_cast<size_t>(size)});
    };
    sax.cdataBlock = sax.characters;
    // libxml2 lets a document type pass when the handlers are our own; entities come with it.
    sax.internalSubset = [](void* self, const xmlChar*, const xmlChar*, const xmlChar*) {
      static_cast<Reader*>(self)->Fail("a document type (DTD) is not allowed");
    };
    sax.serror = [](void* self, xmlErrorPtr error) {
      if (error->level < XML_ERR_ERROR) return;
      static_cast<Reader*>(self)->Fail("not well-formed XML: " +
                                       Shown(Trimmed(error->message == nullptr ? "" : error->message)));
    };
    return sax;
  }

  void Fail(const std::string& what) {
    if (!fault_.ok()) return;
    fault_ = InvalidArgument("{}", what);
    xmlStopParser(context_);
  }

  void Start(std::string_view element, int attributes) {
    if (!fault_.ok()) return;
    if (++depth_ > kMaxDepth) return Fail(fmt::format("<{}> is nested too deep", Shown(element)));
    if (depth_ == 1) {
      if (element != root_) Fail(fmt::format("the document is <{}>, expected <{}>", Shown(element), root_));
      return;
    }
    if (attributes > 0) return Fail(fmt::format("<{}> has attributes, expected none", Shown(element)));
    for (Parameter& parameter : parameters_) {
      if (parameter.rule.element != element) continue;
      if (parameter.text) return Fail(fmt::format("<{}> stands there twice", element));
      parameter.text.emplace();
      open_ = &parameter;
      return;
    }
    Fail(fmt::format("unknown element <{}>", Shown(element)));
  }

  void Characters(std::string_view piece) {
    if (!fault_.ok()) return;
    if (open_ == nullptr) {
      if (!std::all_of(piece.begin(), piece.end(), IsSpace)) Fail("text stands where only elements are expected");
      return;
    }
    if (piece.size() > open_->rule.max_octets - open_->text->size()) {
      return Fail(fmt::format("<{}> has more than {} octets", open_->rule.element, open_->rule.max_octets));
    }
    open_->text->append(piece);
  }

  void End() {
    if (!fault_.ok()) return;
    if (open_ != nullptr) *open_->text = Trimmed(std::move(*open_->text));
    open_ = nullptr;
    complete_ = --depth_ == 0;
  }

  const std::string_view root_;
  std::vector<Parameter>& parameters_;
  xmlParserCtxtPtr context_ = nullptr;
  Status fault_;
  int depth_ = 0;
  bool complete_ = false;
  Parameter* open_ = nullptr;
};

}  // namespace

StatusOr<SearchRequest> ParseSearchRequest(std::string_view xml) {
  std::vector<Parameter> parameters = {{kFieldRules[schema::kSubjectName], {}},
                                       {kFieldRules[schema::kSubjectAltName], {}}};
  SMKI_RETURN_IF_ERROR(Reader(kSearchRequest, parameters).Read(xml));
  const Parameter &organisation = parameters[0], &device = parameters[1];
  if (organisation.text.has_value() == device.text.has_value()) {
    return InvalidArgument("expected one of <{}> (organisation) and <{}> (Device)", organisation.rule.element,
                           device.rule.element);
  }
  const Parameter& given = device.text ? device : organisation;
  const auto eui = Eui64::Parse(*given.text);
  if (!eui || given.text->size() != kEuiText || (*given.text)[2] != '-') {
    return InvalidArgument("<{}> is \"{}\", expected an EUI-64 as A1-A2-A3-A4-A5-A6-A7-A8", given.rule.element,
                           Shown(*given.text));
  }
  return SearchRequest{*eui, device.text.has_value()};
}

StatusOr<Bytes> ParseDataRequest(std::string_view xml) {
  std::vector<Parameter> parameters = {{kFieldRules[schema::kSerial], {}}};
  SMKI_RETURN_IF_ERROR(Reader(kDataRequest, parameters).Read(xml));
  const auto& [rule, text] = parameters.front();
  if (!text) return InvalidArgument("<{}> is missing", rule.element);
  // A number: digits may be odd in number, and leading zeros do not count.
  std::string digits = text->substr(std::min(text->find_first_not_of('0'), text->size()));
  if (digits.size() % 2 == 1) digits.insert(digits.begin(), '0');
  auto serial = FromHex(digits);
  if (text->empty() || !serial) {
    return InvalidArgument("<{}> is \"{}\", expected hexadecimal digits", rule.element, Shown(*text));
  }
  if (serial->empty() || (serial->front() & 0x80) != 0) serial->insert(serial->begin(), 0);  // not negative
  return *serial;
}

}  // namespace smki::repository::web
