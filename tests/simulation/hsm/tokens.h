// What the simulated HSM's tokens hold, and its octets (SimHsm::Save).
#pragma once

#include <p11-kit/pkcs11.h>

#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace smki::simulation {

// By CKA_ number; values as C_GetAttributeValue gives them. A private key's scalar is its CKA_VALUE.
using Attributes = std::map<CK_ATTRIBUTE_TYPE, Bytes>;

struct Object {
  Attributes attributes;

  // Not durable. The session that a session object lives in, else 0; the handle it is known by just now, else 0.
  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE handle = 0;

  bool Is(CK_ATTRIBUTE_TYPE boolean) const;
  CK_ULONG Number(CK_ATTRIBUTE_TYPE type) const;
  std::string label() const;
  // CKA_VALUE of a key that does not leave the token.
  bool Hides(CK_ATTRIBUTE_TYPE type) const;
  bool Matches(const Attributes& wanted) const;
};

enum class Login { kNobody, kUser, kSecurityOfficer };

struct Token {
  std::string label, serial;
  Digest officer_pin{};
  std::optional<Digest> user_pin;
  // Token objects in the order of their attributes, so that it says nothing of when they were made; session objects
  // behind them.
  std::vector<std::unique_ptr<Object>> objects;

  // Not durable.
  bool present = true;
  Login login = Login::kNobody;

  Object& Add(Attributes attributes, CK_SESSION_HANDLE session);
};

// A slot number is a place in `tokens`.
struct Tokens {
  std::vector<std::unique_ptr<Token>> tokens;
  std::map<std::pair<std::string, std::string>, uint32_t> keys_made;  // by token and key label, also if gone since

  Bytes Encode() const;
  static Tokens Decode(ByteSpan in);  // SMKI_CHECK that they are from Encode
};

}  // namespace smki::simulation
