#include "repository/extract/xml_parser.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include <algorithm>

#include "repository/extract/shown.h"

namespace smki::repository {
namespace {

constexpr int kMaxDepth = 3;  // root, record, field
constexpr uint64_t kMaxRecords = uint64_t{1} << 30;
constexpr size_t kMaxPiece = 1 << 20;

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

template <size_t N>
std::optional<size_t> Find(const std::array<schema::Rule, N>& rules, std::string_view element) {
  for (size_t i = 0; i < N; ++i) {
    if (rules[i].element == element) return i;
  }
  return std::nullopt;
}

}  // namespace

struct ExtractParser::Impl {
  Impl(ExtractName n, Visitor v) : name(std::move(n)), visit(std::move(v)) {
    static const bool initialised = (xmlInitParser(), true);
    static_cast<void>(initialised);
    xmlSAXHandler sax{};
    sax.initialized = XML_SAX2_MAGIC;
    sax.startElementNs = [](void* self, const xmlChar* local, const xmlChar*, const xmlChar*, int, const xmlChar**,
                            int attributes, int,
                            const xmlChar**) { static_cast<Impl*>(self)->Start(Text(local), attributes); };
    sax.endElementNs = [](void* self, const xmlChar*, const xmlChar*, const xmlChar*) {
      static_cast<Impl*>(self)->End();
    };
    sax.characters = [](void* self, const xmlChar* text, int size) {
      static_cast<Impl*>(self)->Characters({reinterpret_cast<const char*>(text), static_cast<size_t>(size)});
    };
    sax.cdataBlock = sax.characters;
    // libxml2 lets a document type pass when the handlers are our own; entities come with it.
    sax.internalSubset = [](void* self, const xmlChar*, const xmlChar*, const xmlChar*) {
      static_cast<Impl*>(self)->Fail("a document type (DTD) is not allowed");
    };
    sax.serror = [](void* self, xmlErrorPtr error) { static_cast<Impl*>(self)->XmlError(*error); };
    context = xmlCreatePushParserCtxt(&sax, this, nullptr, 0, nullptr);
    SMKI_CHECK(context != nullptr);
    xmlCtxtUseOptions(context, XML_PARSE_NONET);
  }
  ~Impl() { xmlFreeParserCtxt(context); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  uint64_t Line() const { return context->input == nullptr ? 0 : static_cast<uint64_t>(context->input->line); }

  void Stop(Status status) {
    if (!fault.ok()) return;
    fault = std::move(status);
    xmlStopParser(context);
  }
  void Fail(const std::string& what) {
    const std::string where = record ? fmt::format("record {}: ", record->number) : "";
    Stop(DataLoss("{}:line {}: {}{}", name.file, Line(), where, what));
  }
  void XmlError(const xmlError& error) {
    if (error.level < XML_ERR_ERROR) return;
    const std::string text = error.message == nullptr ? "unknown error" : Trimmed(error.message);
    Fail("is not well-formed XML: " + Shown(text) + "; fetch the file again");
  }

  void Start(std::string_view element, int attributes) {
    if (!fault.ok()) return;
    if (++depth > kMaxDepth) return Fail(fmt::format("<{}> is nested too deep", Shown(element)));
    if (depth > 1 && attributes > 0) return Fail(fmt::format("<{}> has attributes, expected none", Shown(element)));
    if (depth == 1) {
      if (element != schema::kRoot)
        Fail(fmt::format("the document is <{}>, expected <{}>", Shown(element), schema::kRoot));
    } else if (depth == 2) {
      StartInRoot(element);
    } else {
      StartInRecord(element);
    }
  }

  void StartInRoot(std::string_view element) {
    if (element == schema::kRecord) {
      if (records == kMaxRecords) return Fail(fmt::format("more than {} records", kMaxRecords));
      if (records == 0) CheckHeader();
      record.emplace();
      record->number = ++records;
      record->line = Line();
      return;
    }
    const auto header = Find(schema::kHeaderRules, element);
    if (!header) return Fail(fmt::format("unknown element <{}>, expected <{}>", Shown(element), schema::kRecord));
    if (records > 0) return Fail(fmt::format("<{}> stands after the first record", element));
    Open(headers[*header], schema::kHeaderRules[*header]);
  }

  void StartInRecord(std::string_view element) {
    if (!record) return Fail(fmt::format("unexpected element <{}>", Shown(element)));
    const auto field = Find(schema::kFieldRules, element);
    if (!field) return Fail(fmt::format("unknown element <{}>", Shown(element)));
    Open(record->fields[*field], schema::kFieldRules[*field]);
  }

  void Open(std::optional<std::string>& target, const schema::Rule& of) {
    if (target) return Fail(fmt::format("<{}> stands there twice", of.element));
    target.emplace();
    text = &*target;
    rule = &of;
  }

  void Characters(std::string_view piece) {
    if (!fault.ok()) return;
    if (text == nullptr) {
      if (!std::all_of(piece.begin(), piece.end(), IsSpace)) Fail("text stands where only elements are expected");
      return;
    }
    if (piece.size() > rule->max_octets - text->size()) {
      return Fail(fmt::format("<{}> has more than {} octets", rule->element, rule->max_octets));
    }
    text->append(piece);
  }

  void End() {
    if (!fault.ok()) return;
    if (text != nullptr) {
      *text = Trimmed(std::move(*text));
      text = nullptr;
    } else if (depth == 2 && record) {
      EndRecord();
    } else if (depth == 1) {
      complete = true;
      if (records == 0) CheckHeader();
    }
    --depth;
  }

  void EndRecord() {
    for (size_t i = 0; i < schema::kFields; ++i) {
      if (schema::kFieldRules[i].required && !record->fields[i]) {
        return Fail(fmt::format("<{}> is missing", schema::kFieldRules[i].element));
      }
    }
    RawRecord finished = std::move(*record);
    record.reset();
    if (Status visited = visit(std::move(finished)); !visited.ok()) Stop(std::move(visited));
  }

  void CheckHeader() {
    const std::string_view expected[] = {name.full ? schema::kFull : schema::kDelta, name.date};
    for (size_t i = 0; i < schema::kHeaders; ++i) {
      const schema::Rule& of = schema::kHeaderRules[i];
      if (!headers[i]) {
        if (of.required) Fail(fmt::format("<{}> is missing before the first record", of.element));
      } else if (*headers[i] != expected[i]) {
        Fail(fmt::format("<{}> is \"{}\", but the file's name says \"{}\"; fetch the file again", of.element,
                         Shown(*headers[i]), expected[i]));
      }
    }
  }

  ExtractName name;
  Visitor visit;
  xmlParserCtxtPtr context = nullptr;
  Status fault;
  int depth = 0;
  bool complete = false;
  uint64_t records = 0;
  std::array<std::optional<std::string>, schema::kHeaders> headers;
  std::optional<RawRecord> record;
  std::string* text = nullptr;  // of the element that is open
  const schema::Rule* rule = nullptr;
};

ExtractParser::ExtractParser(ExtractName name, Visitor visit)
    : impl_(std::make_unique<Impl>(std::move(name), std::move(visit))) {}
ExtractParser::~ExtractParser() = default;

uint64_t ExtractParser::records() const {
  return impl_->records;
}

Status ExtractParser::Feed(ByteSpan xml) {
  while (!xml.empty() && impl_->fault.ok()) {
    const ByteSpan piece = xml.first(std::min(xml.size(), kMaxPiece));
    xmlParseChunk(impl_->context, reinterpret_cast<const char*>(piece.data()), static_cast<int>(piece.size()), 0);
    xml = xml.subspan(piece.size());
  }
  return impl_->fault;
}

Status ExtractParser::Finish() {
  if (!impl_->fault.ok()) return impl_->fault;
  xmlParseChunk(impl_->context, nullptr, 0, 1);
  if (impl_->fault.ok() && (!impl_->complete || impl_->context->wellFormed == 0))
    impl_->Fail("the document is incomplete; fetch the file again");
  return impl_->fault;
}

}  // namespace smki::repository
