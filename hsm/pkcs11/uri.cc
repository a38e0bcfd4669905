#include "hsm/pkcs11/uri.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"

namespace smki::hsm::pkcs11 {
namespace {

constexpr std::string_view kScheme = "pkcs11:";
constexpr size_t kMaxUri = 512;

// RFC 3986 2.1; control characters stay out.
std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const auto octet = text.size() - i > 2 ? FromHex(text.substr(i + 1, 2)) : std::nullopt;
      if (!octet || octet->size() != 1) return std::nullopt;
      c = static_cast<char>((*octet)[0]);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return std::nullopt;
    out += c;
  }
  return out;
}

}  // namespace

StatusOr<TokenUri> TokenUri::Parse(std::string_view text) {
  if (text.size() > kMaxUri) return InvalidArgument("the name of a token is longer than {} characters", kMaxUri);
  TokenUri out;
  if (!text.starts_with(kScheme)) {
    out.token = std::string(text);
  } else {
    std::string_view rest = text.substr(kScheme.size());
    if (rest.find('?') != std::string_view::npos) {
      return InvalidArgument("'{}': no query attributes are taken here; a PIN never stands in a file",
                             std::string(text));
    }
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const size_t equals = pair.find('=');
      const std::string key(pair.substr(0, equals));
      const auto value = equals == std::string_view::npos ? std::nullopt : PercentDecoded(pair.substr(equals + 1));
      std::string* const field = key == "token"          ? &out.token
                                 : key == "manufacturer" ? &out.manufacturer
                                 : key == "model"        ? &out.model
                                 : key == "serial"       ? &out.serial
                                 : key == "object"       ? &out.object
                                                         : nullptr;
      if (field == nullptr || !value || value->empty() || !field->empty()) {
        return InvalidArgument(
            "'{}': '{}' is no attribute that is taken here, is repeated or has no value; write "
            "pkcs11:token=LABEL[;object=LABEL][;serial=...][;model=...][;manufacturer=...]",
            std::string(text), key);
      }
      *field = *value;
    }
  }
  if (out.token.empty() || out.token.size() > 32) {
    return InvalidArgument("'{}': a token's label of 1 to 32 octets is missing", std::string(text));
  }
  return out;
}

}  // namespace smki::hsm::pkcs11
