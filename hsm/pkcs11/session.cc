#include <p11-kit/pkcs11.h>

#include "hsm/pkcs11/functions.h"
#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/result.h"

namespace smki::hsm::pkcs11 {
namespace {

// DER of the OBJECT IDENTIFIER prime256v1, 1.2.840.10045.3.1.7 (CKA_EC_PARAMS).
constexpr uint8_t kP256[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
constexpr uint8_t kKeyId[] = {0x01};
constexpr CK_ULONG kMaxFound = 8;
constexpr size_t kSecretKey = 32;  // octets: AES-256

// Attribute values are const to us; PKCS#11 2.40 has no const.
template <typename T>
CK_ATTRIBUTE Attribute(CK_ATTRIBUTE_TYPE type, const T& value) {
  return {type, const_cast<T*>(&value), sizeof value};
}
CK_ATTRIBUTE Attribute(CK_ATTRIBUTE_TYPE type, ByteSpan value) {
  return {type, const_cast<uint8_t*>(value.data()), static_cast<CK_ULONG>(value.size())};
}

constexpr CK_BBOOL kYes = CK_TRUE;
constexpr CK_BBOOL kNo = CK_FALSE;

CK_UTF8CHAR* PinOctets(const Secret& pin) {
  return const_cast<CK_UTF8CHAR*>(pin.span().data());
}

}  // namespace

Session::~Session() {
  module_->functions().list->C_CloseSession(handle_);
}

Status Session::Login(const Secret& pin) {
  const CK_RV result = module_->functions().list->C_Login(handle_, CKU_USER, PinOctets(pin), pin.size());
  if (result == CKR_USER_ALREADY_LOGGED_IN) return OkStatus();
  return FromResult(result, "C_Login", "the token's user PIN");
}

Status Session::LoginSecurityOfficer(const Secret& so_pin) {
  return FromResult(module_->functions().list->C_Login(handle_, CKU_SO, PinOctets(so_pin), so_pin.size()), "C_Login",
                    "the token's SO PIN");
}

Status Session::Logout() {
  return FromResult(module_->functions().list->C_Logout(handle_), "C_Logout", "the token");
}

Status Session::InitPin(const Secret& pin) {
  return FromResult(module_->functions().list->C_InitPIN(handle_, PinOctets(pin), pin.size()), "C_InitPIN",
                    "the token's user PIN");
}

Status Session::SetPin(const Secret& old, const Secret& next) {
  return FromResult(
      module_->functions().list->C_SetPIN(handle_, PinOctets(old), old.size(), PinOctets(next), next.size()),
      "C_SetPIN", "the token's user PIN");
}

StatusOr<pki::PublicKey> Session::GenerateKeyPair(const std::string& label) {
  if (FindOne(CKO_PUBLIC_KEY, label, "public key").status().code() != StatusCode::kNotFound) {
    return FailedPrecondition("the token has a key '{}' already; it is not made again", label);
  }
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  CK_ATTRIBUTE public_template[] = {
      Attribute(CKA_TOKEN, kYes),          Attribute(CKA_PRIVATE, kNo),
      Attribute(CKA_VERIFY, kYes),         Attribute(CKA_LABEL, AsBytes(label)),
      Attribute(CKA_ID, ByteSpan(kKeyId)), Attribute(CKA_EC_PARAMS, ByteSpan(kP256)),
  };
  CK_ATTRIBUTE private_template[] = {
      Attribute(CKA_TOKEN, kYes),          Attribute(CKA_PRIVATE, kYes), Attribute(CKA_SENSITIVE, kYes),
      Attribute(CKA_EXTRACTABLE, kNo),     Attribute(CKA_SIGN, kYes),    Attribute(CKA_DECRYPT, kNo),
      Attribute(CKA_DERIVE, kNo),          Attribute(CKA_UNWRAP, kNo),   Attribute(CKA_LABEL, AsBytes(label)),
      Attribute(CKA_ID, ByteSpan(kKeyId)),
  };
  CK_OBJECT_HANDLE public_key = 0, private_key = 0;
  SMKI_RETURN_IF_ERROR(FromResult(module_->functions().list->C_GenerateKeyPair(
                                      handle_, &mechanism, public_template, std::size(public_template),
                                      private_template, std::size(private_template), &public_key, &private_key),
                                  "C_GenerateKeyPair", "key '" + label + "'"));
  return ReadPublicKey(label);
}

Status Session::GenerateSecretKey(const std::string& label) {
  if (FindOne(CKO_SECRET_KEY, label, "secret key").status().code() != StatusCode::kNotFound)
    return FailedPrecondition("the token has a secret key '{}' already; it is not made again", label);
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  const CK_ULONG octets = kSecretKey;
  CK_ATTRIBUTE attributes[] = {
      Attribute(CKA_TOKEN, kYes),       Attribute(CKA_PRIVATE, kYes),         Attribute(CKA_SENSITIVE, kNo),
      Attribute(CKA_ENCRYPT, kNo),      Attribute(CKA_DECRYPT, kNo),          Attribute(CKA_WRAP, kNo),
      Attribute(CKA_UNWRAP, kNo),       Attribute(CKA_LABEL, AsBytes(label)), Attribute(CKA_ID, ByteSpan(kKeyId)),
      Attribute(CKA_VALUE_LEN, octets), Attribute(CKA_EXTRACTABLE, kYes),
  };
  CK_OBJECT_HANDLE key = 0;
  return FromResult(
      module_->functions().list->C_GenerateKey(handle_, &mechanism, attributes, std::size(attributes), &key),
      "C_GenerateKey", "secret key '" + label + "'");
}

StatusOr<Secret> Session::ReadSecretKey(const std::string& label) {
  SMKI_ASSIGN_OR_RETURN(const Object key, FindOne(CKO_SECRET_KEY, label, "secret key"));
  Bytes octets(kSecretKey);
  CK_ATTRIBUTE wanted{CKA_VALUE, octets.data(), octets.size()};
  const CK_RV result = module_->functions().list->C_GetAttributeValue(handle_, key.handle, &wanted, 1);
  Secret out(std::move(octets));
  SMKI_RETURN_IF_ERROR(FromResult(result, "C_GetAttributeValue", "secret key '" + label + "'"));
  if (wanted.ulValueLen != kSecretKey)
    return DataLoss("secret key '{}' in the token has {} octets, expected {}", label, wanted.ulValueLen, kSecretKey);
  return out;
}

Status Session::DestroyKeys(const std::string& label) {
  bool found = false;
  for (const unsigned long object_class : {CKO_PRIVATE_KEY, CKO_SECRET_KEY}) {
    SMKI_ASSIGN_OR_RETURN(const std::vector<Object> keys, FindAll(object_class, label));
    for (const Object key : keys) {
      found = true;
      SMKI_RETURN_IF_ERROR(FromResult(module_->functions().list->C_DestroyObject(handle_, key.handle),
                                      "C_DestroyObject", "key '" + label + "'"));
    }
  }
  if (!found) return NotFound("the token has no private or secret key labelled '{}'", label);
  return OkStatus();
}

StatusOr<std::vector<Object>> Session::FindAll(unsigned long object_class, const std::string& label) {
  const CK_FUNCTION_LIST& f = *module_->functions().list;
  const CK_OBJECT_CLASS wanted = object_class;
  CK_ATTRIBUTE search[] = {Attribute(CKA_CLASS, wanted), Attribute(CKA_TOKEN, kYes),
                           Attribute(CKA_LABEL, AsBytes(label))};
  SMKI_RETURN_IF_ERROR(FromResult(f.C_FindObjectsInit(handle_, search, std::size(search)), "C_FindObjectsInit", label));
  CK_OBJECT_HANDLE found[kMaxFound] = {};
  CK_ULONG count = 0;
  const CK_RV result = f.C_FindObjects(handle_, found, kMaxFound, &count);
  f.C_FindObjectsFinal(handle_);
  SMKI_RETURN_IF_ERROR(FromResult(result, "C_FindObjects", label));
  std::vector<Object> out;
  for (CK_ULONG i = 0; i < count; ++i) out.push_back({found[i]});
  return out;
}

StatusOr<Object> Session::FindOne(unsigned long object_class, const std::string& label, const char* what) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<Object> found, FindAll(object_class, label));
  if (found.empty()) return NotFound("the token has no {} labelled '{}' (or needs a login to show it)", what, label);
  if (found.size() > 1) return FailedPrecondition("the token has more than one {} labelled '{}'", what, label);
  return found[0];
}

StatusOr<Object> Session::FindPrivateKey(const std::string& label) {
  return FindOne(CKO_PRIVATE_KEY, label, "private key");
}

StatusOr<pki::PublicKey> Session::ReadPublicKey(const std::string& label) {
  SMKI_ASSIGN_OR_RETURN(const Object key, FindOne(CKO_PUBLIC_KEY, label, "public key"));
  // CKA_EC_POINT is the DER OCTET STRING of the uncompressed point (PKCS#11 2.40 section 2.3.3).
  uint8_t point[2 + 65] = {};
  CK_ATTRIBUTE wanted{CKA_EC_POINT, point, sizeof point};
  SMKI_RETURN_IF_ERROR(FromResult(module_->functions().list->C_GetAttributeValue(handle_, key.handle, &wanted, 1),
                                  "C_GetAttributeValue", "public key '" + label + "'"));
  if (wanted.ulValueLen != sizeof point || point[0] != 0x04 || point[1] != 65) {
    return DataLoss("public key '{}' in the token is no uncompressed P-256 point", label);
  }
  return pki::PublicKey::FromPoint(ByteSpan(point).subspan(2));
}

StatusOr<Object> Session::CopyToSession(Object key) {
  CK_ATTRIBUTE changes[] = {Attribute(CKA_TOKEN, kNo)};
  CK_OBJECT_HANDLE copy = 0;
  SMKI_RETURN_IF_ERROR(FromResult(module_->functions().list->C_CopyObject(handle_, key.handle, changes, 1, &copy),
                                  "C_CopyObject", "the private key"));
  return Object{copy};
}

StatusOr<pki::RawSignature> Session::Sign(Object key, const Digest& digest) {
  const CK_FUNCTION_LIST& f = *module_->functions().list;
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  SMKI_RETURN_IF_ERROR(FromResult(f.C_SignInit(handle_, &mechanism, key.handle), "C_SignInit", "the private key"));
  pki::RawSignature out{};
  CK_ULONG size = out.size();
  SMKI_RETURN_IF_ERROR(
      FromResult(f.C_Sign(handle_, const_cast<uint8_t*>(digest.data()), digest.size(), out.data(), &size), "C_Sign",
                 "the private key"));
  if (size != out.size()) return Internal("C_Sign gave {} octets for a P-256 signature", size);
  return out;
}

StatusOr<std::vector<Bytes>> Session::ReadData(const std::string& label) {
  const CK_FUNCTION_LIST& f = *module_->functions().list;
  const std::string about = "data object '" + label + "'";
  SMKI_ASSIGN_OR_RETURN(const std::vector<Object> found, FindAll(CKO_DATA, label));
  std::vector<Bytes> out;
  for (const Object object : found) {
    CK_ATTRIBUTE wanted{CKA_VALUE, nullptr, 0};
    SMKI_RETURN_IF_ERROR(
        FromResult(f.C_GetAttributeValue(handle_, object.handle, &wanted, 1), "C_GetAttributeValue", about));
    if (wanted.ulValueLen > kMaxData) {
      return DataLoss("{} has {} octets; at most {} are expected", about, wanted.ulValueLen, kMaxData);
    }
    Bytes value(wanted.ulValueLen);
    wanted.pValue = value.data();
    SMKI_RETURN_IF_ERROR(
        FromResult(f.C_GetAttributeValue(handle_, object.handle, &wanted, 1), "C_GetAttributeValue", about));
    value.resize(wanted.ulValueLen);
    out.push_back(std::move(value));
  }
  return out;
}

Status Session::WriteData(const std::string& label, ByteSpan value) {
  if (value.size() > kMaxData)
    return InvalidArgument("data object '{}': {} octets; at most {}", label, value.size(), kMaxData);
  const CK_FUNCTION_LIST& f = *module_->functions().list;
  const std::string about = "data object '" + label + "'";
  SMKI_ASSIGN_OR_RETURN(const std::vector<Object> old, FindAll(CKO_DATA, label));
  const CK_OBJECT_CLASS data = CKO_DATA;
  CK_ATTRIBUTE attributes[] = {
      Attribute(CKA_CLASS, data),           Attribute(CKA_TOKEN, kYes),  Attribute(CKA_PRIVATE, kNo),
      Attribute(CKA_LABEL, AsBytes(label)), Attribute(CKA_VALUE, value),
  };
  CK_OBJECT_HANDLE made = 0;
  SMKI_RETURN_IF_ERROR(
      FromResult(f.C_CreateObject(handle_, attributes, std::size(attributes), &made), "C_CreateObject", about));
  for (const Object object : old) {
    SMKI_RETURN_IF_ERROR(FromResult(f.C_DestroyObject(handle_, object.handle), "C_DestroyObject", about));
  }
  return OkStatus();
}

}  // namespace smki::hsm::pkcs11
