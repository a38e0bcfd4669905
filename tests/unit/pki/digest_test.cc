#include "pki/digest.h"

#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

TEST(DigestTest, Sha256MatchesFips180) {
  EXPECT_EQ(ToHex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(Sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(DigestTest, Sha1MatchesFips180) {
  EXPECT_EQ(ToHex(Sha1(AsBytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(DigestTest, HmacSha256MatchesRfc4231) {
  EXPECT_EQ(ToHex(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(ToHex(HmacSha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(DigestTest, AStreamInPiecesEqualsTheWhole) {
  Sha256Stream stream;
  for (const char* piece : {"a", "", "bc"}) stream.Update(AsBytes(piece));
  EXPECT_EQ(stream.Finish(), Sha256("abc"));
}

TEST(DigestTest, AStreamFinishesOnlyOnce) {
  Sha256Stream stream;
  stream.Finish();
  EXPECT_DEATH(stream.Finish(), "finished");
}

// The tree of the certificate-transparency reference implementation's tests.
TEST(MerkleTreeTest, MatchesTheReferenceTreeOfRfc6962) {
  const char* const leaves[] = {
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  const char* const roots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                               "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                               "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                               "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                               "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                               "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                               "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                               "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                               "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  MerkleTree tree;
  EXPECT_EQ(ToHex(tree.Root()), roots[0]);
  for (size_t i = 0; i < std::size(leaves); ++i) {
    tree.AddLeaf(*FromHex(leaves[i]));
    EXPECT_EQ(tree.size(), i + 1);
    EXPECT_EQ(ToHex(tree.Root()), roots[i + 1]) << i + 1 << " leaves";
  }
}

}  // namespace
}  // namespace smki::pki
