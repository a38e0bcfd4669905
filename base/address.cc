#include "base/address.h"

#include <algorithm>
#include <optional>

namespace smki {
namespace {

constexpr uint64_t kMaxPort = 65535;
constexpr size_t kMaxPortDigits = 5;

struct Address {
  std::string host;
  uint64_t port = 0;
};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsHost(const std::string& host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return host.find_first_not_of("0123456789abcdefABCDEF:.", 1) == host.size() - 1;
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
  });
}

std::optional<Address> Parse(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string port = text.substr(colon + 1);
  if (port.empty() || port.size() > kMaxPortDigits || !std::all_of(port.begin(), port.end(), IsDigit) ||
      (port.size() > 1 && port[0] == '0')) {
    return std::nullopt;
  }
  Address out{text.substr(0, colon), 0};
  for (const char c : port) out.port = out.port * 10 + static_cast<uint64_t>(c - '0');
  if (!IsHost(out.host) || out.port > kMaxPort) return std::nullopt;
  return out;
}

}  // namespace

StatusOr<std::string> ReadAddress(const YamlNode& mapping, std::string_view key) {
  SMKI_ASSIGN_OR_RETURN(const std::string text, mapping.Text(key));
  const std::optional<Address> address = Parse(text);
  if (address && address->port > 0) return text;
  return mapping.Find(key)->Wrong(
      fmt::format("'{}' must be HOST:PORT with a port from 1 to {}, found '{}'", key, kMaxPort, text));
}

StatusOr<std::string> ReadListenAddress(const YamlNode& mapping, std::string_view key) {
  SMKI_ASSIGN_OR_RETURN(const std::string text, mapping.Text(key));
  const std::optional<Address> address = Parse(text);
  if (address && (address->host == "127.0.0.1" || address->host == "[::1]")) return text;
  return mapping.Find(key)->Wrong(
      fmt::format("'{}' must be 127.0.0.1:PORT with a port from 0 (any free one) to {}, found '{}'; only loopback is "
                  "served",
                  key, kMaxPort, text));
}

}  // namespace smki
