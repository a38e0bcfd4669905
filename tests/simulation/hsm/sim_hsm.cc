#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "base/status.h"
#include "tests/simulation/hsm/hsm.h"
#include "tests/simulation/hsm/keys.h"

namespace smki::simulation {
namespace {

// As SoftHSM has them.
constexpr CK_ULONG kMinPin = 4, kMaxPin = 255;

// DER of the OBJECT IDENTIFIER prime256v1 (CKA_EC_PARAMS).
constexpr uint8_t kP256[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};

constexpr CK_ATTRIBUTE_TYPE kBooleans[] = {
    CKA_TOKEN,   CKA_PRIVATE,     CKA_MODIFIABLE,          CKA_COPYABLE, CKA_DESTROYABLE,    CKA_SENSITIVE, CKA_ENCRYPT,
    CKA_DECRYPT, CKA_SIGN,        CKA_SIGN_RECOVER,        CKA_VERIFY,   CKA_VERIFY_RECOVER, CKA_WRAP,      CKA_UNWRAP,
    CKA_DERIVE,  CKA_EXTRACTABLE, CKA_ALWAYS_AUTHENTICATE,
};

bool FitsPin(CK_ULONG size) {
  return size >= kMinPin && size <= kMaxPin;
}

Digest OfficerPin(const Token& token, ByteSpan pin) {
  return PinDigest(pin, token.serial + " officer");
}
Digest UserPin(const Token& token, ByteSpan pin) {
  return PinDigest(pin, token.serial + " user");
}

// PKCS#11 2.40 section 2.2: fixed fields are padded with blanks.
template <size_t N>
void Pad(std::string_view text, CK_UTF8CHAR (&out)[N]) {
  std::fill(std::begin(out), std::end(out), ' ');
  std::copy_n(text.begin(), std::min(text.size(), N), out);
}

// --- Templates ---

Bytes Ulong(CK_ULONG value) {
  Bytes out(sizeof value);
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}
Bytes Bool(bool value) {
  return {static_cast<uint8_t>(value ? CK_TRUE : CK_FALSE)};
}

CK_RV ReadTemplate(const CK_ATTRIBUTE* list, CK_ULONG count, Attributes& out) {
  if (list == nullptr && count > 0) return CKR_ARGUMENTS_BAD;
  for (const CK_ATTRIBUTE& attribute : std::span(list, count)) {
    if (attribute.pValue == nullptr && attribute.ulValueLen > 0) return CKR_ATTRIBUTE_VALUE_INVALID;
    const auto* octets = static_cast<const uint8_t*>(attribute.pValue);
    const bool is_new = out.try_emplace(attribute.type, octets, octets + attribute.ulValueLen).second;
    if (!is_new) return CKR_TEMPLATE_INCONSISTENT;
  }
  return CKR_OK;
}

bool ValueFits(CK_ATTRIBUTE_TYPE type, const Bytes& value) {
  const bool boolean = std::find(std::begin(kBooleans), std::end(kBooleans), type) != std::end(kBooleans);
  return !boolean || value == Bool(false) || value == Bool(true);
}

// Puts what is `wanted` into `object`, which has everything an object of its kind has. What is `fixed` may be wanted
// only as it is.
CK_RV Apply(const Attributes& wanted, std::initializer_list<CK_ATTRIBUTE_TYPE> fixed, Attributes& object) {
  for (const auto& [type, value] : wanted) {
    const auto place = object.find(type);
    if (place == object.end()) return CKR_ATTRIBUTE_TYPE_INVALID;
    if (!ValueFits(type, value)) return CKR_ATTRIBUTE_VALUE_INVALID;
    if (std::find(fixed.begin(), fixed.end(), type) == fixed.end()) {
      place->second = value;
    } else if (place->second != value) {
      return type == CKA_CLASS || type == CKA_KEY_TYPE ? CKR_TEMPLATE_INCONSISTENT : CKR_ATTRIBUTE_READ_ONLY;
    }
  }
  return CKR_OK;
}

Attributes NewObject(CK_OBJECT_CLASS object_class, bool is_private) {
  return {{CKA_CLASS, Ulong(object_class)},
          {CKA_TOKEN, Bool(false)},
          {CKA_PRIVATE, Bool(is_private)},
          {CKA_MODIFIABLE, Bool(true)},
          {CKA_COPYABLE, Bool(true)},
          {CKA_DESTROYABLE, Bool(true)},
          {CKA_LABEL, {}}};
}

Attributes NewData() {
  Attributes out = NewObject(CKO_DATA, true);
  out.insert({{CKA_APPLICATION, {}}, {CKA_OBJECT_ID, {}}, {CKA_VALUE, {}}});
  return out;
}

Attributes NewKey(CK_OBJECT_CLASS object_class, bool is_private, CK_KEY_TYPE type, CK_MECHANISM_TYPE made_by) {
  Attributes out = NewObject(object_class, is_private);
  out.insert({{CKA_KEY_TYPE, Ulong(type)},
              {CKA_ID, {}},
              {CKA_DERIVE, Bool(false)},
              {CKA_LOCAL, Bool(true)},
              {CKA_KEY_GEN_MECHANISM, Ulong(made_by)}});
  return out;
}

Attributes NewPairKey(CK_OBJECT_CLASS object_class, bool is_private) {
  Attributes out = NewKey(object_class, is_private, CKK_EC, CKM_EC_KEY_PAIR_GEN);
  out.insert({{CKA_SUBJECT, {}}, {CKA_EC_PARAMS, {}}});
  return out;
}

void NoteProtection(Attributes& key) {
  key[CKA_ALWAYS_SENSITIVE] = key[CKA_SENSITIVE];
  key[CKA_NEVER_EXTRACTABLE] = Bool(key[CKA_EXTRACTABLE] == Bool(false));
}

CK_RV MakePublicKey(const Attributes& wanted, Attributes& out) {
  out = NewPairKey(CKO_PUBLIC_KEY, false);
  out.insert(
      {{CKA_ENCRYPT, Bool(true)}, {CKA_VERIFY, Bool(true)}, {CKA_VERIFY_RECOVER, Bool(true)}, {CKA_WRAP, Bool(true)}});
  if (const CK_RV result = Apply(wanted, {CKA_CLASS, CKA_KEY_TYPE, CKA_LOCAL, CKA_KEY_GEN_MECHANISM}, out);
      result != CKR_OK) {
    return result;
  }
  if (out[CKA_EC_PARAMS].empty()) return CKR_TEMPLATE_INCOMPLETE;
  return out[CKA_EC_PARAMS] == ToBytes(kP256) ? CKR_OK : CKR_DOMAIN_PARAMS_INVALID;
}

CK_RV MakePrivateKey(const Attributes& wanted, Attributes& out) {
  out = NewPairKey(CKO_PRIVATE_KEY, true);
  out[CKA_EC_PARAMS] = ToBytes(kP256);
  out.insert({{CKA_SENSITIVE, Bool(true)},
              {CKA_EXTRACTABLE, Bool(false)},
              {CKA_SIGN, Bool(true)},
              {CKA_SIGN_RECOVER, Bool(true)},
              {CKA_DECRYPT, Bool(true)},
              {CKA_UNWRAP, Bool(true)},
              {CKA_ALWAYS_AUTHENTICATE, Bool(false)}});
  const CK_RV result = Apply(
      wanted, {CKA_CLASS, CKA_KEY_TYPE, CKA_LOCAL, CKA_KEY_GEN_MECHANISM, CKA_EC_PARAMS, CKA_ALWAYS_AUTHENTICATE}, out);
  NoteProtection(out);
  return result;
}

// AES, of 16, 24 or 32 octets.
CK_RV MakeSecretKey(const Attributes& wanted, Attributes& out) {
  out = NewKey(CKO_SECRET_KEY, true, CKK_AES, CKM_AES_KEY_GEN);
  out.insert({{CKA_VALUE_LEN, Ulong(0)},
              {CKA_SENSITIVE, Bool(true)},
              {CKA_EXTRACTABLE, Bool(false)},
              {CKA_ENCRYPT, Bool(true)},
              {CKA_DECRYPT, Bool(true)},
              {CKA_SIGN, Bool(true)},
              {CKA_VERIFY, Bool(true)},
              {CKA_WRAP, Bool(true)},
              {CKA_UNWRAP, Bool(true)}});
  if (const CK_RV result = Apply(wanted, {CKA_CLASS, CKA_KEY_TYPE, CKA_LOCAL, CKA_KEY_GEN_MECHANISM}, out);
      result != CKR_OK) {
    return result;
  }
  if (out[CKA_VALUE_LEN] == Ulong(0)) return CKR_TEMPLATE_INCOMPLETE;
  const bool fits =
      out[CKA_VALUE_LEN] == Ulong(16) || out[CKA_VALUE_LEN] == Ulong(24) || out[CKA_VALUE_LEN] == Ulong(32);
  if (!fits) return CKR_ATTRIBUTE_VALUE_INVALID;
  NoteProtection(out);
  return CKR_OK;
}

// PKCS#11 2.40 section 4.1.3: a copy may be given another name and place, and be made safer.
CK_RV ChangeCopy(const Attributes& changes, Attributes& copy) {
  const auto becomes = [&](CK_ATTRIBUTE_TYPE type, bool value) {
    const auto found = changes.find(type);
    return found != changes.end() && copy.contains(type) && found->second == Bool(value) && copy[type] != Bool(value);
  };
  if (becomes(CKA_PRIVATE, false)) return CKR_TEMPLATE_INCONSISTENT;
  if (becomes(CKA_SENSITIVE, false) || becomes(CKA_EXTRACTABLE, true)) return CKR_ATTRIBUTE_READ_ONLY;
  for (const auto& [type, value] : changes) {
    if (!copy.contains(type)) return CKR_ATTRIBUTE_TYPE_INVALID;
    switch (type) {
      case CKA_TOKEN:
      case CKA_PRIVATE:
      case CKA_LABEL:
      case CKA_ID:
      case CKA_SENSITIVE:
      case CKA_EXTRACTABLE:
        if (!ValueFits(type, value)) return CKR_ATTRIBUTE_VALUE_INVALID;
        copy[type] = value;
        break;
      default:
        return CKR_ATTRIBUTE_READ_ONLY;
    }
  }
  return CKR_OK;
}

CK_RV GiveValue(const Object& object, CK_ATTRIBUTE& wanted) {
  const auto found = object.attributes.find(wanted.type);
  const CK_ULONG room = wanted.ulValueLen;
  wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
  if (found == object.attributes.end()) return CKR_ATTRIBUTE_TYPE_INVALID;
  if (object.Hides(wanted.type)) return CKR_ATTRIBUTE_SENSITIVE;
  const Bytes& value = found->second;
  if (wanted.pValue != nullptr) {
    if (room < value.size()) return CKR_BUFFER_TOO_SMALL;
    std::copy(value.begin(), value.end(), static_cast<uint8_t*>(wanted.pValue));
  }
  wanted.ulValueLen = value.size();
  return CKR_OK;
}

}  // namespace

Hsm& TheHsm() {
  static Hsm& hsm = *new Hsm();
  return hsm;
}

// --- The hands that hold it ---

void Hsm::Reset(ByteSpan seed) {
  before_ = nullptr;
  on_sign_ = nullptr;
  on_login_ = nullptr;
  EndAllSessions();
  held_ = Tokens();
  seed_ = ToBytes(seed);
}

void Hsm::Restore(ByteSpan saved) {
  EndAllSessions();
  Tokens next = Tokens::Decode(saved);
  for (const auto& token : next.tokens) {
    token->present = std::none_of(held_.tokens.begin(), held_.tokens.end(),
                                  [&](const auto& old) { return old->label == token->label && !old->present; });
  }
  held_ = std::move(next);
}

void Hsm::KillSessions(const std::string& label) {
  for (const auto& token : held_.tokens) {
    if (token->label == label) EndSessions(*token);
  }
}

void Hsm::SetPresent(const std::string& label, bool present) {
  for (const auto& token : held_.tokens) {
    if (token->label == label) token->present = present;
  }
  if (!present) KillSessions(label);
}

Bytes Hsm::PublicPointOf(const std::string& label, const std::string& key) const {
  for (const auto& token : held_.tokens) {
    if (token->label != label) continue;
    for (const auto& object : token->objects) {
      if (object->Number(CKA_CLASS) != CKO_PUBLIC_KEY || object->label() != key) continue;
      const Bytes& point = object->attributes.at(CKA_EC_POINT);
      return {point.begin() + 2, point.end()};
    }
  }
  return {};
}

// --- Common to the Cryptoki functions ---

CK_RV Hsm::Ask(const char* function, const std::string& token) const {
  if (!initialised_) return CKR_CRYPTOKI_NOT_INITIALIZED;
  const Before before = before_;  // it may set another
  return before ? before(function, token) : CKR_OK;
}

CK_RV Hsm::Enter(const char* function, CK_SESSION_HANDLE handle, Session*& session) {
  if (!initialised_) return CKR_CRYPTOKI_NOT_INITIALIZED;
  auto found = sessions_.find(handle);
  if (found == sessions_.end()) return CKR_SESSION_HANDLE_INVALID;
  const std::string label = found->second.token->label;
  if (const CK_RV refused = Ask(function, label); refused != CKR_OK) return refused;
  found = sessions_.find(handle);  // it may have killed the session
  if (found == sessions_.end()) return CKR_SESSION_HANDLE_INVALID;
  session = &found->second;
  return CKR_OK;
}

CK_RV Hsm::Look(const Session& session, CK_OBJECT_HANDLE handle, Object*& object) const {
  const auto found = known_.find(handle);
  if (found == known_.end() || found->second.token != session.token) return CKR_OBJECT_HANDLE_INVALID;
  object = found->second.object;
  return CKR_OK;
}

CK_RV Hsm::Reach(CK_SLOT_ID slot, Token*& token) const {
  if (slot > held_.tokens.size()) return CKR_SLOT_ID_INVALID;
  token = slot == held_.tokens.size() ? nullptr : held_.tokens[slot].get();
  return token != nullptr && !token->present ? CKR_TOKEN_NOT_PRESENT : CKR_OK;
}

CK_RV Hsm::MayWrite(const Session& session, const Object& object) {
  if (object.Is(CKA_TOKEN) && !session.writes) return CKR_SESSION_READ_ONLY;
  if (object.Is(CKA_PRIVATE) && session.token->login != Login::kUser) return CKR_USER_NOT_LOGGED_IN;
  return CKR_OK;
}

CK_OBJECT_HANDLE Hsm::HandleOf(Token& token, Object& object) {
  if (object.handle == 0) {
    object.handle = ++last_handle_;
    known_[object.handle] = {&token, &object};
  }
  return object.handle;
}

CK_OBJECT_HANDLE Hsm::Add(CK_SESSION_HANDLE handle, Session& session, Attributes attributes) {
  const bool durable = attributes[CKA_TOKEN] == Bool(true);
  Object& object = session.token->Add(std::move(attributes), durable ? 0 : handle);
  return HandleOf(*session.token, object);
}

template <typename Condition>
void Hsm::ForgetHandles(Token& token, Condition condition) {
  for (const auto& object : token.objects) {
    if (!condition(*object)) continue;
    known_.erase(object->handle);
    object->handle = 0;
  }
}

template <typename Condition>
void Hsm::RemoveObjects(Token& token, Condition condition) {
  ForgetHandles(token, condition);
  std::erase_if(token.objects, [&](const auto& object) { return condition(*object); });
}

bool Hsm::HasSessions(const Token& token) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& s) { return s.second.token == &token; });
}

bool Hsm::HasReadOnlySessions(const Token& token) const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [&](const auto& s) { return s.second.token == &token && !s.second.writes; });
}

void Hsm::BeginLogin(Token& token, Login login) {
  token.login = login;
  const OnLogin told = on_login_;
  if (told) told(token.label, true);
}

void Hsm::EndLogin(Token& token) {
  if (token.login == Login::kNobody) return;
  token.login = Login::kNobody;
  RemoveObjects(token, [](const Object& object) { return object.session != 0 && object.Is(CKA_PRIVATE); });
  ForgetHandles(token, [](const Object& object) { return object.Is(CKA_PRIVATE); });
  for (auto& [handle, session] : sessions_) {
    if (session.token == &token) session.operation = Operation::kNone;
  }
  const OnLogin told = on_login_;
  if (told) told(token.label, false);
}

void Hsm::EndSession(CK_SESSION_HANDLE handle) {
  Token& token = *sessions_.at(handle).token;
  RemoveObjects(token, [&](const Object& object) { return object.session == handle; });
  sessions_.erase(handle);
  if (HasSessions(token)) return;
  ForgetHandles(token, [](const Object&) { return true; });
  EndLogin(token);
}

void Hsm::EndSessions(const Token& token) {
  std::vector<CK_SESSION_HANDLE> handles;
  for (const auto& [handle, session] : sessions_) {
    if (session.token == &token) handles.push_back(handle);
  }
  for (const CK_SESSION_HANDLE handle : handles) EndSession(handle);
}

void Hsm::EndAllSessions() {
  while (!sessions_.empty()) EndSession(sessions_.begin()->first);
}

// --- General purpose, slots and tokens: PKCS#11 2.40 sections 5.4 and 5.5 ---

CK_RV Hsm::C_Initialize(void* arguments) {
  if (initialised_) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  if (arguments != nullptr && static_cast<CK_C_INITIALIZE_ARGS*>(arguments)->pReserved != nullptr) {
    return CKR_ARGUMENTS_BAD;
  }
  initialised_ = true;
  return CKR_OK;
}

CK_RV Hsm::C_Finalize(void* reserved) {
  if (!initialised_) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (reserved != nullptr) return CKR_ARGUMENTS_BAD;
  EndAllSessions();
  initialised_ = false;
  return CKR_OK;
}

CK_RV Hsm::C_GetSlotList(CK_BBOOL present, CK_SLOT_ID* slots, CK_ULONG* count) {
  if (const CK_RV refused = Ask("C_GetSlotList", ""); refused != CKR_OK) return refused;
  if (count == nullptr) return CKR_ARGUMENTS_BAD;
  std::vector<CK_SLOT_ID> out;
  for (CK_SLOT_ID slot = 0; slot < held_.tokens.size(); ++slot) {
    if (present == CK_FALSE || held_.tokens[slot]->present) out.push_back(slot);
  }
  out.push_back(held_.tokens.size());  // always one more, empty
  const CK_ULONG room = *count;
  *count = out.size();
  if (slots == nullptr) return CKR_OK;
  if (room < out.size()) return CKR_BUFFER_TOO_SMALL;
  std::copy(out.begin(), out.end(), slots);
  return CKR_OK;
}

CK_RV Hsm::C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  if (const CK_RV refused = Ask("C_GetTokenInfo", ""); refused != CKR_OK) return refused;
  if (info == nullptr) return CKR_ARGUMENTS_BAD;
  Token* token = nullptr;
  if (const CK_RV result = Reach(slot, token); result != CKR_OK) return result;
  *info = {};
  Pad(token != nullptr ? token->label : "", info->label);
  Pad(token != nullptr ? token->serial : "", info->serialNumber);
  Pad("SMKI simulation", info->manufacturerID);
  Pad("simulated HSM", info->model);
  Pad("", info->utcTime);
  info->flags = CKF_LOGIN_REQUIRED | CKF_RESTORE_KEY_NOT_NEEDED;
  if (token != nullptr) info->flags |= CKF_TOKEN_INITIALIZED;
  if (token != nullptr && token->user_pin) info->flags |= CKF_USER_PIN_INITIALIZED;
  info->ulMaxSessionCount = info->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
  info->ulSessionCount = info->ulRwSessionCount = CK_UNAVAILABLE_INFORMATION;
  info->ulMaxPinLen = kMaxPin;
  info->ulMinPinLen = kMinPin;
  info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
  info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
  return CKR_OK;
}

CK_RV Hsm::C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR* pin, CK_ULONG pin_size, CK_UTF8CHAR* label) {
  if (const CK_RV refused = Ask("C_InitToken", ""); refused != CKR_OK) return refused;
  if (pin == nullptr || label == nullptr) return CKR_ARGUMENTS_BAD;
  Token* token = nullptr;
  if (const CK_RV result = Reach(slot, token); result != CKR_OK) return result;
  if (token != nullptr && HasSessions(*token)) return CKR_SESSION_EXISTS;
  const ByteSpan given(pin, pin_size);
  if (!FitsPin(pin_size)) return CKR_PIN_INCORRECT;
  if (token != nullptr && !ConstantTimeEqual(OfficerPin(*token, given), token->officer_pin)) return CKR_PIN_INCORRECT;
  if (token == nullptr) {
    token = held_.tokens.emplace_back(std::make_unique<Token>()).get();
    token->serial = DeriveSerial(seed_, static_cast<uint32_t>(held_.tokens.size()));
    token->officer_pin = OfficerPin(*token, given);
  }
  token->label.assign(label, label + sizeof(CK_TOKEN_INFO::label));
  token->label.erase(token->label.find_last_not_of(' ') + 1);
  token->user_pin.reset();
  token->objects.clear();
  return CKR_OK;
}

CK_RV Hsm::C_InitPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR* pin, CK_ULONG pin_size) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_InitPIN", handle, session); refused != CKR_OK) return refused;
  Token& token = *session->token;
  if (token.login != Login::kSecurityOfficer) return CKR_USER_NOT_LOGGED_IN;
  if (pin == nullptr) return CKR_ARGUMENTS_BAD;
  if (!FitsPin(pin_size)) return CKR_PIN_LEN_RANGE;
  token.user_pin = UserPin(token, {pin, pin_size});
  return CKR_OK;
}

CK_RV Hsm::C_SetPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR* old_pin, CK_ULONG old_size, CK_UTF8CHAR* pin,
                    CK_ULONG pin_size) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_SetPIN", handle, session); refused != CKR_OK) return refused;
  if (old_pin == nullptr || pin == nullptr) return CKR_ARGUMENTS_BAD;
  if (!FitsPin(pin_size)) return CKR_PIN_LEN_RANGE;
  if (!session->writes) return CKR_SESSION_READ_ONLY;
  Token& token = *session->token;
  const ByteSpan old(old_pin, old_size), next(pin, pin_size);
  if (token.login == Login::kSecurityOfficer) {
    if (!ConstantTimeEqual(OfficerPin(token, old), token.officer_pin)) return CKR_PIN_INCORRECT;
    token.officer_pin = OfficerPin(token, next);
    return CKR_OK;
  }
  if (!token.user_pin) return CKR_USER_PIN_NOT_INITIALIZED;
  if (!ConstantTimeEqual(UserPin(token, old), *token.user_pin)) return CKR_PIN_INCORRECT;
  token.user_pin = UserPin(token, next);
  return CKR_OK;
}

// --- Sessions: section 5.6 ---

CK_RV Hsm::C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void*, CK_NOTIFY, CK_SESSION_HANDLE* handle) {
  if (const CK_RV refused = Ask("C_OpenSession", ""); refused != CKR_OK) return refused;
  if (handle == nullptr) return CKR_ARGUMENTS_BAD;
  if ((flags & CKF_SERIAL_SESSION) == 0) return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
  Token* token = nullptr;
  if (const CK_RV result = Reach(slot, token); result != CKR_OK) return result;
  if (token == nullptr) return CKR_TOKEN_NOT_RECOGNIZED;
  const bool writes = (flags & CKF_RW_SESSION) != 0;
  if (!writes && token->login == Login::kSecurityOfficer) return CKR_SESSION_READ_WRITE_SO_EXISTS;
  *handle = ++last_handle_;
  sessions_.emplace(*handle, Session{.token = token, .writes = writes, .found = {}});
  return CKR_OK;
}

CK_RV Hsm::C_CloseSession(CK_SESSION_HANDLE handle) {
  if (!initialised_) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (!sessions_.contains(handle)) return CKR_SESSION_HANDLE_INVALID;
  EndSession(handle);
  return CKR_OK;
}

CK_RV Hsm::C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG pin_size) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_Login", handle, session); refused != CKR_OK) return refused;
  if (pin == nullptr) return CKR_ARGUMENTS_BAD;
  if (user == CKU_CONTEXT_SPECIFIC) return CKR_OPERATION_NOT_INITIALIZED;  // no key here asks for it
  if (user != CKU_SO && user != CKU_USER) return CKR_USER_TYPE_INVALID;
  Token& token = *session->token;
  const Login login = user == CKU_SO ? Login::kSecurityOfficer : Login::kUser;
  if (user == CKU_SO && HasReadOnlySessions(token)) return CKR_SESSION_READ_ONLY_EXISTS;
  if (token.login == login) return CKR_USER_ALREADY_LOGGED_IN;
  if (token.login != Login::kNobody) return CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
  const ByteSpan given(pin, pin_size);
  if (user == CKU_SO) {
    if (!ConstantTimeEqual(OfficerPin(token, given), token.officer_pin)) return CKR_PIN_INCORRECT;
  } else {
    if (!token.user_pin) return CKR_USER_PIN_NOT_INITIALIZED;
    if (!ConstantTimeEqual(UserPin(token, given), *token.user_pin)) return CKR_PIN_INCORRECT;
  }
  BeginLogin(token, login);
  return CKR_OK;
}

CK_RV Hsm::C_Logout(CK_SESSION_HANDLE handle) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_Logout", handle, session); refused != CKR_OK) return refused;
  // SoftHSM takes a logout of nobody for one.
  EndLogin(*session->token);
  return CKR_OK;
}

// --- Objects: section 5.7 ---

CK_RV Hsm::C_CreateObject(CK_SESSION_HANDLE handle, CK_ATTRIBUTE* list, CK_ULONG count, CK_OBJECT_HANDLE* object) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_CreateObject", handle, session); refused != CKR_OK) return refused;
  if (object == nullptr) return CKR_ARGUMENTS_BAD;
  Attributes wanted;
  if (const CK_RV result = ReadTemplate(list, count, wanted); result != CKR_OK) return result;
  if (!wanted.contains(CKA_CLASS)) return CKR_TEMPLATE_INCOMPLETE;
  if (wanted[CKA_CLASS] != Ulong(CKO_DATA)) return CKR_ATTRIBUTE_VALUE_INVALID;  // keys are made, never brought
  Object made{.attributes = NewData()};
  if (const CK_RV result = Apply(wanted, {CKA_CLASS}, made.attributes); result != CKR_OK) return result;
  if (const CK_RV result = MayWrite(*session, made); result != CKR_OK) return result;
  *object = Add(handle, *session, std::move(made.attributes));
  return CKR_OK;
}

CK_RV Hsm::C_CopyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* list, CK_ULONG count,
                        CK_OBJECT_HANDLE* copy) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_CopyObject", handle, session); refused != CKR_OK) return refused;
  if (copy == nullptr) return CKR_ARGUMENTS_BAD;
  Object* source = nullptr;
  if (const CK_RV result = Look(*session, object, source); result != CKR_OK) return result;
  if (!source->Is(CKA_COPYABLE)) return CKR_ACTION_PROHIBITED;
  Attributes changes;
  if (const CK_RV result = ReadTemplate(list, count, changes); result != CKR_OK) return result;
  Object made{.attributes = source->attributes};
  if (const CK_RV result = ChangeCopy(changes, made.attributes); result != CKR_OK) return result;
  if (const CK_RV result = MayWrite(*session, made); result != CKR_OK) return result;
  *copy = Add(handle, *session, std::move(made.attributes));
  return CKR_OK;
}

CK_RV Hsm::C_DestroyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_DestroyObject", handle, session); refused != CKR_OK) return refused;
  Object* doomed = nullptr;
  if (const CK_RV result = Look(*session, object, doomed); result != CKR_OK) return result;
  if (const CK_RV result = MayWrite(*session, *doomed); result != CKR_OK) return result;
  if (!doomed->Is(CKA_DESTROYABLE)) return CKR_ACTION_PROHIBITED;
  RemoveObjects(*session->token, [&](const Object& other) { return &other == doomed; });
  return CKR_OK;
}

CK_RV Hsm::C_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted,
                               CK_ULONG count) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_GetAttributeValue", handle, session); refused != CKR_OK) return refused;
  if (wanted == nullptr) return CKR_ARGUMENTS_BAD;
  Object* found = nullptr;
  if (const CK_RV result = Look(*session, object, found); result != CKR_OK) return result;
  // Each is answered, whatever became of the others.
  CK_RV out = CKR_OK;
  for (CK_ATTRIBUTE& attribute : std::span(wanted, count)) {
    if (const CK_RV result = GiveValue(*found, attribute); result != CKR_OK) out = result;
  }
  return out;
}

CK_RV Hsm::C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE* list, CK_ULONG count) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_FindObjectsInit", handle, session); refused != CKR_OK) return refused;
  if (session->operation != Operation::kNone) return CKR_OPERATION_ACTIVE;
  Attributes wanted;
  if (const CK_RV result = ReadTemplate(list, count, wanted); result != CKR_OK) return result;
  Token& token = *session->token;
  session->found.clear();
  for (const auto& object : token.objects) {
    if (object->Is(CKA_PRIVATE) && token.login != Login::kUser) continue;
    if (object->Matches(wanted)) session->found.push_back(HandleOf(token, *object));
  }
  std::reverse(session->found.begin(), session->found.end());
  session->operation = Operation::kFind;
  return CKR_OK;
}

CK_RV Hsm::C_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE* found, CK_ULONG most, CK_ULONG* count) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_FindObjects", handle, session); refused != CKR_OK) return refused;
  if (found == nullptr || count == nullptr) return CKR_ARGUMENTS_BAD;
  if (session->operation != Operation::kFind) return CKR_OPERATION_NOT_INITIALIZED;
  for (*count = 0; *count < most && !session->found.empty(); ++*count) {
    found[*count] = session->found.back();
    session->found.pop_back();
  }
  return CKR_OK;
}

CK_RV Hsm::C_FindObjectsFinal(CK_SESSION_HANDLE handle) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_FindObjectsFinal", handle, session); refused != CKR_OK) return refused;
  if (session->operation != Operation::kFind) return CKR_OPERATION_NOT_INITIALIZED;
  session->operation = Operation::kNone;
  return CKR_OK;
}

// --- Signatures and keys: sections 5.11 and 5.13 ---

CK_RV Hsm::C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_SignInit", handle, session); refused != CKR_OK) return refused;
  if (mechanism == nullptr) return CKR_ARGUMENTS_BAD;
  if (session->operation != Operation::kNone) return CKR_OPERATION_ACTIVE;
  Object* object = nullptr;
  if (const CK_RV result = Look(*session, key, object); result != CKR_OK) return result;
  if (session->token->login != Login::kUser) return CKR_USER_NOT_LOGGED_IN;
  if (!object->Is(CKA_SIGN)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  if (mechanism->mechanism != CKM_ECDSA) return CKR_MECHANISM_INVALID;
  session->operation = Operation::kSign;
  session->key = key;
  return CKR_OK;
}

CK_RV Hsm::C_Sign(CK_SESSION_HANDLE handle, CK_BYTE* data, CK_ULONG data_size, CK_BYTE* signature, CK_ULONG* size) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_Sign", handle, session); refused != CKR_OK) {
    const auto live = sessions_.find(handle);
    if (live != sessions_.end() && live->second.operation == Operation::kSign) {
      live->second.operation = Operation::kNone;
    }
    return refused;
  }
  if (session->operation != Operation::kSign) return CKR_OPERATION_NOT_INITIALIZED;
  std::array<uint8_t, 64> made;
  const CK_ULONG room = size != nullptr ? *size : 0;
  if (size != nullptr) *size = made.size();
  if (size != nullptr && signature == nullptr) return CKR_OK;  // asked for the length only
  if (size != nullptr && room < made.size()) return CKR_BUFFER_TOO_SMALL;
  session->operation = Operation::kNone;
  if (data == nullptr || size == nullptr) return CKR_ARGUMENTS_BAD;
  Digest digest;
  if (data_size != digest.size()) return CKR_DATA_LEN_RANGE;  // we sign digests only
  std::copy_n(data, data_size, digest.begin());
  Object* key = nullptr;
  if (Look(*session, session->key, key) != CKR_OK) return CKR_KEY_HANDLE_INVALID;
  Scalar scalar;
  std::copy_n(key->attributes.at(CKA_VALUE).begin(), scalar.size(), scalar.begin());
  made = SignRfc6979(scalar, digest);
  Zeroise(scalar.data(), scalar.size());
  std::copy(made.begin(), made.end(), signature);
  const OnSign told = on_sign_;
  if (told) told(session->token->label, key->label(), digest);
  return CKR_OK;
}

CK_RV Hsm::C_GenerateKey(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_ATTRIBUTE* list, CK_ULONG count,
                         CK_OBJECT_HANDLE* key) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_GenerateKey", handle, session); refused != CKR_OK) return refused;
  if (mechanism == nullptr || key == nullptr) return CKR_ARGUMENTS_BAD;
  if (mechanism->mechanism != CKM_AES_KEY_GEN) return CKR_MECHANISM_INVALID;
  Attributes wanted;
  if (const CK_RV result = ReadTemplate(list, count, wanted); result != CKR_OK) return result;
  Object made;
  if (const CK_RV result = MakeSecretKey(wanted, made.attributes); result != CKR_OK) return result;
  if (const CK_RV result = MayWrite(*session, made); result != CKR_OK) return result;
  const std::string& token = session->token->label;
  const std::string label = made.label();
  Scalar octets = DeriveScalar(seed_, token, label, ++held_.keys_made[{token, label}]);
  made.attributes[CKA_VALUE] = Bytes(octets.begin(), octets.begin() + made.Number(CKA_VALUE_LEN));
  Zeroise(octets.data(), octets.size());
  *key = Add(handle, *session, std::move(made.attributes));
  return CKR_OK;
}

CK_RV Hsm::C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_ATTRIBUTE* public_list,
                             CK_ULONG public_count, CK_ATTRIBUTE* private_list, CK_ULONG private_count,
                             CK_OBJECT_HANDLE* public_key, CK_OBJECT_HANDLE* private_key) {
  Session* session = nullptr;
  if (const CK_RV refused = Enter("C_GenerateKeyPair", handle, session); refused != CKR_OK) return refused;
  if (mechanism == nullptr || public_key == nullptr || private_key == nullptr) return CKR_ARGUMENTS_BAD;
  if (mechanism->mechanism != CKM_EC_KEY_PAIR_GEN) return CKR_MECHANISM_INVALID;
  Attributes wanted_public, wanted_private;
  if (const CK_RV result = ReadTemplate(public_list, public_count, wanted_public); result != CKR_OK) return result;
  if (const CK_RV result = ReadTemplate(private_list, private_count, wanted_private); result != CKR_OK) return result;
  Object made_public, made_private;
  if (const CK_RV result = MakePublicKey(wanted_public, made_public.attributes); result != CKR_OK) return result;
  if (const CK_RV result = MakePrivateKey(wanted_private, made_private.attributes); result != CKR_OK) return result;
  if (const CK_RV result = MayWrite(*session, made_public); result != CKR_OK) return result;
  if (const CK_RV result = MayWrite(*session, made_private); result != CKR_OK) return result;

  const std::string& token = session->token->label;
  const std::string key = made_private.label();
  Scalar scalar = DeriveScalar(seed_, token, key, ++held_.keys_made[{token, key}]);
  made_private.attributes[CKA_VALUE] = ToBytes(scalar);
  // CKA_EC_POINT is the DER OCTET STRING of the point (section 2.3.3).
  Bytes& point = made_public.attributes[CKA_EC_POINT] = {0x04, 65};
  Append(point, PublicPointOfScalar(scalar));
  Zeroise(scalar.data(), scalar.size());
  *public_key = Add(handle, *session, std::move(made_public.attributes));
  *private_key = Add(handle, *session, std::move(made_private.attributes));
  return CKR_OK;
}

}  // namespace smki::simulation
