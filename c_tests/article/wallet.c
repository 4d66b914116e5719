// Lesson: a pointer inside a pointer. The wallet owns its name and its coins: whoever frees the
// wallet first can't reach them any more, so they go first, in the opposite order of their making.
// Cairn's production mode: nothing to say. The same output as on glibc: wallet.output.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wallet {
    char *owner;
    int *coins;
    size_t coin_count;
};

static void wallet_free(struct wallet *wallet)
{
    if (!wallet)
        return;
    free(wallet->coins);
    free(wallet->owner);
    free(wallet);
}

static struct wallet *wallet_new(const char *owner, size_t coin_count)
{
    struct wallet *wallet = calloc(1, sizeof *wallet);
    if (!wallet)
        return NULL;
    wallet->owner = malloc(strlen(owner) + 1);
    wallet->coins = calloc(coin_count, sizeof *wallet->coins);
    if (!wallet->owner || !wallet->coins) {
        wallet_free(wallet); // free(NULL) does nothing, so a half-made wallet is no special case
        return NULL;
    }
    strcpy(wallet->owner, owner);
    wallet->coin_count = coin_count;
    return wallet;
}

static int wallet_sum(const struct wallet *wallet)
{
    int sum = 0;
    for (size_t i = 0; i < wallet->coin_count; i++)
        sum += wallet->coins[i];
    return sum;
}

int main(void)
{
    struct wallet *wallet = wallet_new("Ada", 5);
    if (!wallet)
        return 1;
    printf("%s has %d\n", wallet->owner, wallet_sum(wallet));
    for (size_t i = 0; i < wallet->coin_count; i++)
        wallet->coins[i] = (int)(i + 1) * 10;
    printf("%s has %d\n", wallet->owner, wallet_sum(wallet));
    wallet_free(wallet);
    return 0;
}
