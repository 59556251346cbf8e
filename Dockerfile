# One image for every processor: docker-compose.yml runs `run admit`, `run generate` and so on from it.
ARG NODE_VERSION
FROM node:${NODE_VERSION}-bookworm-slim
ENV NODE_ENV=production
WORKDIR /everseed
COPY package.json package-lock.json ./
# The embedded parts are optional dependencies; here the parts are services of their own.
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund && npm cache clean --force
COPY schemas schemas
COPY metrics metrics
COPY processors processors
COPY infra infra
USER node
ENTRYPOINT ["node", "infra/cli/main.ts"]
CMD ["--help"]
