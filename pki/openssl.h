// OpenSSL objects that end by themselves. Private to pki/*.cc: no public header of this room shows a type of OpenSSL.
#pragma once

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "base/bytes.h"
#include "pki/key.h"

namespace smki::pki {

template <auto Free>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, OpensslFree<CMS_ContentInfo_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;

// What OpenSSL last complained about on this thread; empties its queue, so that nothing stale is blamed later.
std::string TakeOpensslError();

// A memory BIO: reading `bytes`, which must outlive it; or empty, for writing. What is written is cleared on free.
BioPtr ReadingBio(ByteSpan bytes);
BioPtr WritingBio();
// What was written so far; valid until the BIO changes.
ByteSpan Written(BIO* bio);

// The key as OpenSSL's high-level functions (CMS) want it.
PkeyPtr ToEvp(const PrivateKey& key);
PkeyPtr ToEvp(const PublicKey& key);

}  // namespace smki::pki
